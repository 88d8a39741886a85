"""Writes a language model of a few hundred kilobytes with random weights, for servers that want a real file.

`python tiny_model.py OUT.gguf WINDOW [eager]`. Its vocabulary is bytes and printable ASCII, so it can read everything and what
it says is printable nonsense; the chat template takes tools and refuses system messages behind the first one, as
those of Qwen do. An eager one begins a tool call every now and then; what stands in it is up to the server's grammar. The
same file every time.
"""

import sys

import gguf
import numpy

WIDTH, LAYERS, HEADS, INNER = 64, 2, 4, 128

TEMPLATE = """\
{%- if messages[0].role == 'system' or tools %}{{- '<|im_start|>system\\n' }}
{%- if messages[0].role == 'system' %}{{- messages[0].content }}{%- endif %}
{%- if tools %}{{- '\\nTools:' }}
{%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}
{{- '\\nCall one like this: <tool_call>\\n{"name": ..., "arguments": ...}\\n</tool_call>' }}{%- endif %}
{{- '<|im_end|>\\n' }}{%- endif %}
{%- for message in messages %}
{%- if message.role == 'system' %}
{%- if not loop.first %}{{- raise_exception('System message must be at the beginning.') }}{%- endif %}
{%- elif message.role == 'tool' %}
{{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
{%- elif message.role == 'assistant' and message.tool_calls %}
{{- '<|im_start|>assistant' }}
{%- if message.content %}{{- '\\n' + message.content }}{%- endif %}
{%- for call in message.tool_calls %}
{%- if call.function %}{%- set call = call.function %}{%- endif %}
{{- '\\n<tool_call>\\n{"name": "' + call.name + '", "arguments": ' }}{{- call.arguments | tojson }}{{- '}\\n</tool_call>' }}
{%- endfor %}{{- '<|im_end|>\\n' }}
{%- else %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""


CALL = "<tool_call>\n"


def vocabulary():
    """Pairs of token and type; printable ones last."""
    kinds = gguf.TokenType
    tokens = [("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)]
    tokens += [("<|im_start|>", kinds.CONTROL), ("<|im_end|>", kinds.CONTROL)]
    tokens += [(f"<0x{byte:02X}>", kinds.BYTE) for byte in range(256)]
    tokens += [(CALL, kinds.NORMAL), ("\u2581", kinds.NORMAL)] + [(chr(code), kinds.NORMAL) for code in range(33, 127)]
    return tokens


def main(path, window, eager):
    tokens = vocabulary()
    printable = next(at for at, (_, kind) in enumerate(tokens) if kind == gguf.TokenType.NORMAL)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(window)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list([token for token, _ in tokens])
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(4)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
    random = numpy.random.default_rng(1)

    def weights(name, *shape):
        values = random.standard_normal(shape, dtype=numpy.float32) / numpy.float32(WIDTH**0.5)
        writer.add_tensor(name, values)

    def ones(name):
        writer.add_tensor(name, numpy.ones(WIDTH, dtype=numpy.float32))

    # One dimension is the same everywhere: what an output has there, it has at each step.
    embedded = random.standard_normal((len(tokens), WIDTH), dtype=numpy.float32)
    embedded[:, 0] = 4
    writer.add_tensor("token_embd.weight", embedded)
    for layer in range(LAYERS):
        ones(f"blk.{layer}.attn_norm.weight")
        for part in ("q", "k", "v", "output"):
            weights(f"blk.{layer}.attn_{part}.weight", WIDTH, WIDTH)
        ones(f"blk.{layer}.ffn_norm.weight")
        weights(f"blk.{layer}.ffn_gate.weight", INNER, WIDTH)
        weights(f"blk.{layer}.ffn_up.weight", INNER, WIDTH)
        weights(f"blk.{layer}.ffn_down.weight", WIDTH, INNER)
    ones("output_norm.weight")
    # Only what is printable is ever said: the others have no weight, and the best of these has always some. They speak
    # of what differs from step to step; the beginning of a call may come at any step, or never.
    said = random.standard_normal((len(tokens), WIDTH), dtype=numpy.float32)
    said[:printable] = 0
    said[:, 0] = 0
    said[printable] = 0
    said[printable, 0] = 4 if eager else -1
    writer.add_tensor("output.weight", said)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:] == ["eager"])
