"""Hands messages over: e-mail, webhooks, chats, browsers, the app itself."""
