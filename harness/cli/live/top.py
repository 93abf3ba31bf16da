"""The head of the live view, and the batch in flight."""

from __future__ import annotations

from datetime import timedelta

from rich.cells import cell_len
from rich.text import Text

from harness.cli.live.screen import Screen
from harness.cli.live.state import State
from harness.cli.live.text import bar, duration, fitted, percent, seconds

#: Silence of the whole run, in seconds of the watcher's time, from which on it is mentioned.
SILENCE_S = 5.0
_BAR = 60

#: A piece of a line and its style.
Piece = tuple[str, str]


def head_lines(state: State, screen: Screen) -> list[Text]:
    """Experiment, clock and place; how much is done; pace, end, failures, stalls and load."""
    plan = state.plan
    cells = f"{len(plan.cells):,} cell{'s' * (len(plan.cells) != 1)}"
    trials = f"{plan.trials:,} trial{'s' * (plan.trials != 1)}"
    title = [(plan.experiment, "bold"), (f"{plan.clock} clock", ""), (f"{cells} x {trials}", "")]
    title.append((f"{duration(screen.now - state.since)} so far", "dim"))
    if (silent := state.silent_s(screen.now)) >= SILENCE_S:
        title.insert(1, (f"nothing came for {duration(silent)}", "yellow"))
    lines = [_line(title, screen), _progress(state, screen)]
    if screen.height >= 6:
        lines.append(_line(_facts(state, screen), screen))
    return lines


def _progress(state: State, screen: Screen) -> Text:
    counts = f" {percent(state.share):>5}  {state.done:,}/{state.total:,}"
    if screen.width >= 60:
        counts += " requests"
    width = min(_BAR if screen.width < 130 else 2 * _BAR, screen.width - len(counts))
    if width < 4:
        return Text(fitted(counts.strip(), screen.width, screen.glyphs).rstrip(), no_wrap=True)
    return bar(state.share, width, screen.glyphs, "green" if state.share >= 1 else "cyan").append(counts)


def _facts(state: State, screen: Screen) -> list[Piece]:
    left = state.left_s(screen.now)
    pieces: list[Piece] = [(f"{duration(left)} left", "bold")]
    if left is not None:
        pieces.append((f"ends {_end(left, screen)}", ""))
    pieces.append((f"{state.failed:,} failed", "red" if state.failed else "dim"))
    pieces.append((f"{state.stalls:,} stall{'s' * (state.stalls != 1)}", "yellow" if state.stalls else "dim"))
    if state.load is not None:
        pieces.append((f"load {state.load:.3f}", ""))
    if (pace := state.pace(screen.now)) is not None:
        pieces.append((f"{pace:,.0f} requests/s" if pace >= 10 else f"{pace:.2g} requests/s", "dim"))
    return pieces


def _end(left_s: float, screen: Screen) -> str:
    """The time of day at which all is done, with the day where it is another one."""
    end = screen.today + timedelta(seconds=min(left_s, 10 * 365 * 86_400))
    return end.strftime("%H:%M:%S") if end.date() == screen.today.date() else end.strftime("%Y-%m-%d %H:%M")


def batch_lines(state: State, screen: Screen) -> list[Text]:
    """The batch in flight as it fills, with its time by the run's own clock and what is still open."""
    batch = state.batch
    if batch is None or screen.height < 4:
        return []
    plan, done, size = batch.cell.plan, batch.done, batch.size
    is_open = done < size
    # Where trials arrive whole, as they do from other processes, nothing is in flight here.
    what = "batch" if batch.announced or is_open else "latest batch"
    place: list[Piece] = [
        (f"{what} {batch.number + 1:,}/{plan.batches:,}", "bold"),
        (f"trial {batch.trial + 1:,}/{max(state.plan.trials, batch.trial + 1):,}", ""),
        (plan.name, ""),
    ]
    counts = f" {done:>{len(f'{size:,}')},}/{size:,}  {seconds(state.batch_s(screen.now)):>8}"
    open_ = f"  {size - done:,} open" if is_open else ""
    width = min(_BAR, screen.width - len(counts) - len(f"  {size:,} open"))
    if width < 4:
        short = f"batch {done:,}/{size:,} {seconds(state.batch_s(screen.now))}"
        return [Text(fitted(short, screen.width, screen.glyphs).rstrip(), no_wrap=True)]
    filling = bar(done / size, width, screen.glyphs, "cyan" if is_open else "green").append(counts)
    # What is still open when most of a batch is done is what it waits for.
    filling.append(open_, "yellow" if done >= 0.9 * size else "dim")
    return [_line(place, screen, last=True), filling]


def _line(pieces: list[Piece], screen: Screen, *, last: bool = False) -> Text:
    """As many pieces as fit, the first of them cut if need be, or the `last` one."""
    line, separator = Text(no_wrap=True), f" {screen.glyphs.dot} "
    for number, (piece, style) in enumerate(pieces):
        room = screen.width - line.cell_len - (len(separator) if number else 0)
        clean = fitted(piece, cell_len(piece), screen.glyphs)
        cut = number == 0 or (last and number == len(pieces) - 1 and room >= 8)
        if cell_len(clean) > room:
            if not cut:
                break
            clean = fitted(clean, max(0, room), screen.glyphs)
        if number:
            line.append(separator, "dim")
        line.append(clean, style)
    return line
