"""The bodies and streams that answer each route. Pure: no clock, no socket."""

from harness.mock.answers.base import Answer, dump
from harness.mock.answers.chat import ChatAnswer
from harness.mock.answers.completions import TextAnswer
from harness.mock.answers.embeddings import embeddings
from harness.mock.answers.responses import ResponsesAnswer

__all__ = ["Answer", "ChatAnswer", "ResponsesAnswer", "TextAnswer", "dump", "embeddings"]
