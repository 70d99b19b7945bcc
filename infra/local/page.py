"""What is printed when everything runs; `make up` prints it too (`… infra.local.page URL [CURL_OPTION]`)."""

import sys

DEMO_EMAIL = "demo@example.com"
DEMO_PASSWORD = "plum-orbit-velvet-42"  # of a demonstration's user, told to everybody

PAGE = """
Expense Management API is running.

  API             {base}/api/v1
  documentation   {base}/docs
  health          {base}/healthz

  demo login      {email}  {password}

Try it (copy and paste):

  curl {curl}-sS -c /tmp/expenses.jar {base}/api/v1/auth/login \\
    -H 'Content-Type: application/json' -d '{{"email": "{email}", "password": "{password}"}}'
  curl {curl}-sS -b /tmp/expenses.jar '{base}/api/v1/expenses?limit=3'
  curl {curl}-sS -b /tmp/expenses.jar '{base}/api/v1/expenses/summary?group_by=category,month'

{end}
"""


def page(base_url: str, end: str, curl: str = "") -> str:
    """The page for a stack at `base_url`; `end` says how it is stopped, `curl` are options for it."""
    return PAGE.format(base=base_url, curl=curl, email=DEMO_EMAIL, password=DEMO_PASSWORD, end=end)


if __name__ == "__main__":
    end = "make logs follows the logs, make down stops it; the data stays."
    print(page(sys.argv[1], end, "".join(f"{option} " for option in sys.argv[2:])))
