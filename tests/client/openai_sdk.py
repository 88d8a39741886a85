"""What the scripts share that use the official OpenAI SDK."""

import openai
import pytest

from scripted import TOKEN, URL, prompt


def client(token=TOKEN):
    return openai.OpenAI(base_url=f"{URL}/v1", api_key=token, max_retries=0, timeout=60)


def overloaded(ask, stream):
    """The error of a request that every backend is too busy for."""
    with pytest.raises(openai.InternalServerError) as caught:
        for _ in ask(prompt("overloaded"), stream=stream):
            pass
    assert caught.value.status_code in (503, 529)
    return caught.value
