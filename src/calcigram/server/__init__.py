"""The HTTP service: `calcigram serve`. Requests in, verdicts out; nothing is decided here.

`settings` says what can be set, `app` puts the parts together and serves them.
What needs the extra ``[server]`` is imported when the server starts, not before.
"""
