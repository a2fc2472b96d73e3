"""Names of the OpenTelemetry conventions for generative AI, in one place: they are still in
development (as of October 2026), and change.
"""

from __future__ import annotations

from collections.abc import Mapping

OPERATION = "gen_ai.operation.name"
INVOKE_AGENT = "invoke_agent"
PROVIDER = "gen_ai.provider.name"
AGENT_NAME = "gen_ai.agent.name"
CONVERSATION = "gen_ai.conversation.id"
REQUEST_MODEL = "gen_ai.request.model"
INPUT_MESSAGES = "gen_ai.input.messages"
ERROR_TYPE = "error.type"
# Set by whoever wants prompts in their traces; everybody else's stay out.
CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"

USAGE: Mapping[str, str] = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
}
PROVIDERS: Mapping[str, str] = {
    "gemini-agent": "gcp.gemini",
    "gemini-cli": "gcp.gemini",
    "openai-background": "openai",
    "openai-agents": "openai",
    "codex": "openai",
    "claude-agent": "anthropic",
    "claude-code": "anthropic",
}
