"""How documents are read: blocks, lines, code in running text, files that the reader writes."""

from documents import blocks, spans, typed, written
from shell_words import Step, steps

SHOWN = """
Text with `harness list
faults`, `key=value` and a table: | `harness list --json \\| jq .` |

```sh
harness run article \\
    trials=1    # small
# a comment
harness list | jq '# {
}'
```

  ```console
  $ harness tune recorded
  over 20 s
  ```

```yaml
- run: harness list
- uses: OWNER/REPOSITORY@main
  with: {run: strategy=article_10}
```

```python
print(1)
```

```sh
cat > mine.yaml <<'END'
a: "it's"   # and so on
END
```
"""


def test_lines_are_read_as_a_reader_types_them():
    """Joined where they go on, without comments, prompts and what was printed."""
    lines = typed(blocks(SHOWN))
    assert [(line.where.rpartition(":")[2], line.language) for line in lines] == [
        ("6", "sh"), ("9", "sh"), ("14", "sh"), ("19", "sh"), ("19", "sh"), ("25", "python"), ("29", "sh"),
    ]  # fmt: skip
    assert [" ".join(line.text.split()) for line in lines] == [
        "harness run article trials=1", "harness list | jq '# { }'", "harness tune recorded", "harness list",
        "harness run strategy=article_10 out=out", "print(1)", "cat > mine.yaml <<'END' a: \"it's\" # and so on END",
    ]  # fmt: skip


def test_a_line_is_taken_apart_as_a_shell_does():
    """Into programs, what they read and write, and the variables that are set for them."""
    assert steps("A=1 .venv/bin/harness list --json > a.json && source <(harness completion bash)") == [
        Step(("harness", "list", "--json"), writes="a.json", environment={"A": "1"}),
        Step(("harness", "completion", "bash")),
        Step(("source",), reads=True),
    ]
    assert steps("cat > mine.yaml <<'END'\na: \"it's\"\nEND") == [Step(("cat",), writes="mine.yaml")]


def test_code_in_running_text_is_read_across_lines():
    """And the bars that a table escapes."""
    assert spans(SHOWN) == [(2, "harness list faults"), (3, "key=value"), (3, "harness list --json | jq .")]


WRITTEN = """
```yaml
# conf/strategy/patient.yaml
name: patient
```

Saved as `my_strategy.py`, this is the command with one more. With `kind: mine` and `name: mine` in
`conf/strategy/mine.yaml`, `python my_strategy.py run strategy=mine` plays it.

```python
print(1)
```
"""


def test_files_that_a_document_has_its_reader_write_are_found():
    """Those of named blocks, and those that the text describes."""
    assert written(WRITTEN) == {
        "conf/strategy/patient.yaml": "# conf/strategy/patient.yaml\nname: patient\n",
        "my_strategy.py": "print(1)\n",
        "conf/strategy/mine.yaml": "kind: mine\nname: mine\n",
    }


def test_a_file_of_the_readers_is_called_like_the_command():
    """With the words of a subcommand behind it; what else Python is asked to do is not."""
    assert steps("python my_strategy.py run strategy=mine") == [
        Step(("harness", "run", "strategy=mine"), script="my_strategy.py")
    ]
    assert not any(step.is_harness for step in steps("python my_strategy.py now"))
