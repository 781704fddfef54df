"""The validation report as one self-contained HTML page: no script, no font, nothing loaded from elsewhere.

Names of modules come from outside: the template escapes whatever it shows. Results are words and signs before they are
colours. On a narrow screen each row of a table becomes a card; the roles keep it a table for screen readers.
"""

import jinja2

from promotion_gate.learn.validation import Check, Report

TEMPLATE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Validation of the raw tables: {{ verdict }}</title>
<style>
:root { --ink: #1c2128; --faint: #59636e; --paper: #fff; --line: #d1d9e0; --band: #f6f8fa;
        --good: #1a6b33; --bad: #b3161f; --warn: #7d4e00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --faint: #9aa4af; --paper: #12161c; --line: #353d47; --band: #1b2129;
          --good: #57c477; --bad: #ff8a84; --warn: #e3b341; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
       font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
h2 small, .quiet { color: var(--faint); font-weight: normal; }
h2 small { font-size: .9rem; margin-left: .5rem; }
.verdict { font-size: 1.1rem; margin: 0 0 1rem; }
code { font: .875em/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: 0; list-style: none; }
a { color: inherit; text-underline-offset: .2em; }
table { width: 100%; border-collapse: collapse; table-layout: fixed; }
th, td { padding: .45rem .75rem .45rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line);
         overflow-wrap: anywhere; }
thead th { color: var(--faint); font-size: .875rem; border-bottom-width: 2px; }
tbody th { font-weight: normal; }
.column { width: 20%; } .result { width: 10%; } .count { width: 9%; } .example { width: 36%; }
td.count, th.count { text-align: right; font-variant-numeric: tabular-nums; padding-right: 1.5rem; }
.passed, .error, .warning { font-weight: 600; white-space: nowrap; }
.passed { color: var(--good); } .error { color: var(--bad); } .warning { color: var(--warn); }
tr.failed { background: var(--band); }
dl { margin: 0; display: grid; grid-template-columns: auto 1fr; gap: .1rem .75rem; align-items: baseline; }
dt { color: var(--faint); font-size: .8rem; } dd { margin: 0; }
.findings li { margin-bottom: .5rem; overflow-wrap: anywhere; }
@media (max-width: 44rem) {
  table, tbody, tr, th, td { display: block; width: auto; }
  thead { position: absolute; left: -200vw; }
  tbody tr { border-bottom: 2px solid var(--line); padding: .5rem; }
  tbody th, tbody td { border: 0; padding: .1rem 0; }
  .column, .result, .count, .example { width: auto; }
  td.count { text-align: left; padding: .1rem 0; }
  td.count::before { content: "Offending rows: "; }
  td.example dl { grid-template-columns: 6rem 1fr; }
  td:empty, td.none { display: none; }
}
@media print { body { max-width: none; } tr { break-inside: avoid; } }
</style>
</head>
<body>
<main>
<h1>Validation of the raw tables</h1>
<p class="verdict"><strong>{{ verdict }}</strong>
  <span class="quiet">{{ report.checks | length }} expectations, {{ errors | length }} broken that stop the run,
  {{ warnings | length }} broken that warn.</span></p>
<nav aria-label="Tables"><ul>
{%- for name, rows in report.rows.items() %}
  <li><a href="#{{ name }}">{{ name }}</a> <span class="quiet">{{ "{:,}".format(rows) }} rows</span></li>
{%- endfor %}
</ul></nav>
<p class="quiet">Data <code>{{ data_hash }}</code></p>
{%- if errors or warnings %}
<h2 id="findings">What was found</h2>
<ul class="findings">
{%- for check in errors + warnings %}
  <li><span class="{{ check.severity }}">{{ sign(check) }}</span> {{ check.line() }}</li>
{%- endfor %}
</ul>
{%- endif %}
{%- for name, rows in report.rows.items() %}
<section aria-labelledby="{{ name }}">
<h2 id="{{ name }}">{{ name }}<small>{{ "{:,}".format(rows) }} rows{% if rejected.get(name) %},
  {{ "{:,}".format(rejected[name]) }} more rejected by ingest{% endif %}</small></h2>
{%- set checks = report.checks | selectattr("table", "equalto", name) | list %}
{%- if checks %}
<table role="table" aria-labelledby="{{ name }}">
<thead role="rowgroup"><tr role="row">
  <th role="columnheader" scope="col" class="column">Column</th><th role="columnheader" scope="col">Expected</th>
  <th role="columnheader" scope="col" class="result">Result</th>
  <th role="columnheader" scope="col" class="count">Offending</th>
  <th role="columnheader" scope="col" class="example">First offending row</th>
</tr></thead>
<tbody role="rowgroup">
{%- for check in checks %}
<tr role="row"{% if not check.success %} class="failed"{% endif %}>
  <th role="rowheader" scope="row" class="column"><code>{{ check.column or "the table" }}</code></th>
  <td role="cell" title="{{ check.type }}">{{ check.expectation }}</td>
  <td role="cell" class="result">
    <span class="{{ "passed" if check.success else check.severity }}">{{ sign(check) }}</span></td>
  <td role="cell" class="count{% if not check.unexpected %} none{% endif %}">{{ "{:,}".format(check.unexpected) }}</td>
  <td role="cell" class="example">
    {%- if check.exception %}could not be checked: {{ check.exception }}
    {%- elif check.example %}<dl>
      {%- for column, value in check.example.key.items() %}<dt>{{ column }}</dt><dd><code>{{ value }}</code></dd>
      {%- endfor %}<dt>found</dt><dd><code>{{ check.example.value }}</code></dd></dl>
    {%- endif -%}
  </td>
</tr>
{%- endfor %}
</tbody>
</table>
{%- else %}
<p class="quiet">Optional, and without rows: nothing to check.</p>
{%- endif %}
</section>
{%- endfor %}
</main>
</body>
</html>
"""


def render(report: Report, data_hash: str, rejected: dict[str, int]) -> str:
    """Return the page.

    Args:
        report: what `validation.validate` found.
        data_hash: names the data, as `ingest` computed it.
        rejected: rows of each table that ingest set aside.
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    warnings = report.failed("warning")
    verdict = "Passed with warnings." if warnings else "Passed."
    return environment.from_string(TEMPLATE).render(
        report=report,
        data_hash=data_hash,
        rejected=rejected,
        errors=report.failed("error"),
        warnings=warnings,
        verdict=verdict if report.success else "Stopped.",
        sign=_sign,
    )


def _sign(check: Check) -> str:
    return (
        "\N{CHECK MARK} passed" if check.success else {"error": "\u2717 error", "warning": "! warning"}[check.severity]
    )
