"""The conversations that templates.py renders: what apply_chat_template of transformers would pass."""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather.\nSeveral lines, \"quotes\" & <tags>.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "A town — ø, 東京"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"], "default": "celsius"},
                "days": {"type": "integer", "minimum": 1, "maximum": 7.5},
                "options": {
                    "type": "object",
                    "description": "More",
                    "properties": {
                        "hourly": {"type": "boolean"},
                        "fields": {"type": "array", "items": {"type": "string"}, "description": "which"},
                        "nested": {"type": "object", "properties": {"deep": {"type": ["number", "null"]}}},
                    },
                    "required": ["fields"],
                },
            },
            "required": ["city"],
        },
        "return": {"type": "string", "description": "a report"},
    },
}
TIME = {"type": "function", "function": {"name": "now", "description": "The time", "parameters": {"type": "object", "properties": {}}}}
MIXED = {
    "type": "function",
    "function": {
        "name": "mixed",
        "description": "",
        "parameters": {
            "type": "object",
            "properties": {
                "items": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}},
                "either": {"anyOf": [{"type": "string"}, {"type": "integer"}], "description": "one or the other"},
                "one": {"oneOf": [{"type": "string", "description": "s"}, {"type": "boolean"}]},
                "list": {"type": ["string", "null"], "description": "maybe", "nullable": True},
            },
        },
    },
}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


def call(name, arguments, id="abcdefghi", index=None):
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def conversations():
    user = {"role": "user", "content": "Hello, who are you?"}
    system = {"role": "system", "content": "You are a careful assistant."}
    answer = {"role": "assistant", "content": "I am a model."}
    out = []

    def add(name, messages, both=False, tools=None, documents=None, **more):
        for generate in (True, False) if both else (more.pop("add_generation_prompt", True),):
            out.append({
                "name": name,
                "vars": {"messages": messages, "tools": tools, "documents": documents, "add_generation_prompt": generate,
                         **TOKENS, **more},
            })

    add("one user turn", [user], both=True)
    add("system and user", [system, user], both=True)
    add("several turns", [system, user, answer, {"role": "user", "content": "And now?"}], both=True)
    add("ends with the assistant", [user, answer], add_generation_prompt=False)
    add("unicode", [{"role": "system", "content": "Réponds en français. 日本語 🙂"},
                    {"role": "user", "content": "Ünïcödé ½ — ‘quotes’ “double” \u00a0 nbsp 👩‍👩‍👧 עברית"},
                    {"role": "assistant", "content": "  leading and trailing  \n\n"},
                    {"role": "user", "content": "\n\ttabs\nand <|im_start|> tokens </think> & {{ braces }} {% raw %}"}])
    add("empty content", [{"role": "system", "content": ""}, {"role": "user", "content": ""}, {"role": "assistant", "content": ""},
                          {"role": "user", "content": "x"}])
    add("empty conversation", [])
    add("two users in a row", [user, user])
    add("assistant first", [answer, user])
    add("system in the middle", [user, system, user])
    add("unknown role", [{"role": "wizard", "content": "abracadabra"}])
    add("developer role", [{"role": "developer", "content": "Be brief."}, user])
    add("no content", [{"role": "user"}])
    add("content parts", [system, {"role": "user", "content": [{"type": "text", "text": "What is this?"},
                                                               {"type": "text", "text": " And that?"}]}])
    add("image part", [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Describe."}]}])
    add("thinking on", [system, user], both=True, enable_thinking=True)
    add("thinking off", [system, user], both=True, enable_thinking=False)
    add("thinking variable", [user], thinking=True)
    add("reasoning kept", [user, {"role": "assistant", "content": "<think>\nhm, hm\n</think>\n\nI am a model.",
                                  }, {"role": "user", "content": "And now?"},
                           {"role": "assistant", "reasoning_content": "a thought", "thinking": "a thought", "content": "Yes."}],
        add_generation_prompt=False)
    add("tools offered", [system, {"role": "user", "content": "Weather in Oslo?"}], tools=[WEATHER, TIME], both=True)
    add("tools without system", [{"role": "user", "content": "Weather in Oslo?"}], tools=[WEATHER])
    add("mixed tool", [{"role": "user", "content": "Go"}], tools=[MIXED, WEATHER])
    arguments = {"city": "Oslo", "days": 3, "ratio": 0.1, "flag": True, "nothing": None, "list": [1, "zwei", {"a": []}],
                 "text": "line\nbreak \"q\" 'a' é"}
    called = [system, {"role": "user", "content": "Weather in Oslo?"},
              {"role": "assistant", "content": "", "tool_calls": [call("get_weather", arguments)]},
              {"role": "tool", "content": "{\"temperature\": -3.5}", "name": "get_weather", "tool_call_id": "abcdefghi"}]
    add("tool result", called, tools=[WEATHER, TIME], both=True)
    add("tool result without tools", called)
    done = called + [{"role": "assistant", "content": "It is cold: -3.5 °C."}, {"role": "user", "content": "Thanks"}]
    add("tool answer", done, tools=[WEATHER, TIME])
    string_arguments = [{"role": "user", "content": "Weather?"},
                        {"role": "assistant", "content": None, "tool_calls": [call("get_weather", "{\"city\": \"Oslo\"}")]},
                        {"role": "tool", "content": "cold", "tool_call_id": "abcdefghi", "name": "get_weather"}]
    add("arguments as text", string_arguments, tools=[WEATHER])
    no_content = [{"role": "user", "content": "Weather?"},
                  {"role": "assistant", "tool_calls": [call("get_weather", {"city": "Oslo"})]},
                  {"role": "tool", "content": "cold", "tool_call_id": "abcdefghi", "name": "get_weather"}]
    add("call without content", no_content, tools=[WEATHER])
    two = [{"role": "user", "content": "Weather and time?"},
           {"role": "assistant", "content": "Let me see.",
            "tool_calls": [call("get_weather", {"city": "Oslo"}, "aaaaaaaaa"), call("now", {}, "bbbbbbbbb")]},
           {"role": "tool", "content": "cold", "tool_call_id": "aaaaaaaaa", "name": "get_weather"},
           {"role": "tool", "content": "12:00", "tool_call_id": "bbbbbbbbb", "name": "now"}]
    add("two calls at once", two, tools=[WEATHER, TIME])
    add("two calls answered", two + [{"role": "assistant", "content": "Cold, and noon."}], tools=[WEATHER, TIME], add_generation_prompt=False)
    add("thinking and calls", [{"role": "user", "content": "Weather?"},
                               {"role": "assistant", "content": "", "reasoning_content": "I need the tool.", "thinking": "I need the tool.",
                                "tool_calls": [call("get_weather", {"city": "Oslo"})]},
                               {"role": "tool", "content": "cold", "tool_call_id": "abcdefghi", "name": "get_weather"}],
        tools=[WEATHER], enable_thinking=True)
    add("short call id", [{"role": "user", "content": "x"},
                          {"role": "assistant", "content": "", "tool_calls": [call("now", {}, "1")]}], tools=[TIME])
    add("date given", [system, user], date_string="01 Jan 2030", reasoning_effort="high", custom_tools=None)
    add("builtin tools", [system, user], builtin_tools=["browser", "python"], tools_in_user_message=False)
    add("llama tools in system", called, tools=[WEATHER], tools_in_user_message=False)
    add("documents", [user], documents=[{"title": "A", "text": "alpha", "doc_id": 1}, {"title": "B", "text": "beta", "doc_id": 2}])
    return out
