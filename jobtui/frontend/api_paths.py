"""Constants on which server and client of the API must agree: paths, and the range of run numbers."""

STATUS_PAGE = "/@jobs"
API_ROOT = f"{STATUS_PAGE}/api"
MAX_RUN_NUMBER = 10**17  # in a path
