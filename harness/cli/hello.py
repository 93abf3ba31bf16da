"""What `harness` says by itself and in `--help`: words only, so that they are there at once."""

SUMMARY = """Replay LLM batches under a matrix of client settings, measure every attempt,
compare the tails."""

EXAMPLES = (
    "  harness run article trials=20",
    "  harness run article 'matrix.timeout=[5,10,20]' profile=calm --dry-run",
    "  harness list strategies",
    "  source <(harness completion bash)",
)

HELLO = """What stuck LLM calls cost a batch, and which client settings cure it.

  harness run article   the published evaluation: no key, no server, seconds
  harness list          what there is to choose: strategies, profiles, faults
  harness doctor        see whether everything works on this machine

harness --help lists every command, harness run --help says how to set things."""

EXIT_CODES = {
    0: "fine",
    1: "compare: a cell is significantly slower; doctor: something does not work",
    2: "bad settings or arguments",
    3: "run: some cells failed, max_failures stopped it, or its mock server died",
    4: "run: its budget was refused",
    5: "no room on the disk, or no way to write there",
    130: "interrupted (143: by SIGTERM, 129: by a terminal that was closed)",
}
