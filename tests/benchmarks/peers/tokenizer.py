"""A tokenizer of a few hundred pieces in a hub cache of its own, since nothing may be fetched while measuring.

    python tokenizer.py HF_HOME

Run by the Python of a peer's environment, which has the two libraries.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

NAME, REVISION = "local/tok", "abc"
TEXT = "the quick brown fox jumps over the lazy dog while an engineer waits for the slowest call of a batch to end"


def make(home: Path) -> None:
    """Train it and lay it out as the hub's cache does."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=["<unk>", "</s>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator([TEXT] * 10, trainer)
    repository = home / "hub" / f"models--{NAME.replace('/', '--')}"
    folder = repository / "snapshots" / REVISION
    folder.mkdir(parents=True)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>", eos_token="</s>", pad_token="</s>")
    fast.save_pretrained(str(folder))
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(REVISION)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
