"""Generates chats. conversation(rng) -> {"messages": [...], "tools": [...] or None}.

Every skill is a function (rng) -> [(user, assistant), ...], usually of one turn. Answers are as determined by the
question as possible: a very small model is only coherent where the training data leaves it little choice.
"""
from corpus.chat_format import render
from corpus.conversations import SKILLS, conversation

__all__ = ["SKILLS", "conversation", "render"]
