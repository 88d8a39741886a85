"""What the scripts of this folder share: where to go, what is said, and a small picture.

`scripted.json` is read by both sides. Each entry is one conversation: when `prompt` appears in the human
text, the simulated model gives `answer`; when the tool results of its calls come back, `after_result`;
`description` is what the vision model says of a picture; `system` must have reached the model for the
answer to be given. Prompts do not contain one another.
"""

import base64
import json
import os
import pathlib
import struct
import zlib

URL = os.environ["BRANCHLINE_URL"].rstrip("/")
TOKEN = os.environ["BRANCHLINE_TOKEN"]
MODEL = os.environ.get("BRANCHLINE_MODEL", "auto")

SCRIPT = json.loads(pathlib.Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))

UNKNOWN_MODEL = "nosuchbackend:some-model"
"""A model ref of a backend that is not configured."""

WEATHER_SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Name of the city"}},
    "required": ["city"],
}


def prompt(name):
    return SCRIPT[name]["prompt"]


def text(name):
    return SCRIPT[name]["answer"]["text"]


def calls(name):
    """The scripted tool calls as (name, arguments) pairs."""
    return [(call["name"], call["arguments"]) for call in SCRIPT[name]["answer"]["calls"]]


def after_result(name):
    return SCRIPT[name]["after_result"]["text"]


def red_square_png(side=16):
    """A PNG of one colour, as base64 text."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\xd0\x10\x10" * side) * side
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + parts).decode()
