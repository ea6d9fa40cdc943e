"""The page: clusters drawn, dragged and loaded by hand, and the verdict beside them.

The same view is served at ``/`` by `calcigram serve` and shown in a notebook by
`calcigram.explore`. Panel and Bokeh come with the extra ``[server]``; they are imported when
a view is made.
"""
