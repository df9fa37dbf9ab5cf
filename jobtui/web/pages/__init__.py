"""The status page for browsers.

`routes` answers requests. `page_state` renders the page's fragments once for all browsers and knows in which
version each last changed; `page_stream` sends a browser the fragments that changed since its version.
`sections` selects the views that the page shows, `template_renderer` renders them with `templates/`, and
`forms` checks and executes the forms. `static/` has the script and the style sheet; the page works without
the script.

Only this package imports jinja2. Start reading at `routes`.
"""
