"""Figures for print and for pages: functions from rows to a `chart.Chart`, a matplotlib Figure.

Every function takes a store, `renda2020`, or rows of either (Arrow or pandas), and by keyword `split`,
`filters` (as in `table`), `columns` (of a page that the figure takes: 1 or 2; by default it depends on the panels) and
`caption` (whether to draw the caption; a page shows `chart.caption` as text). All raise InputError if there is nothing
to draw.

    accuracy.accuracy_vs_compression(results, *, value, budget=None, statistic, split, filters, columns, caption)
        `value="delta"` shows the difference from the dense network, `value="score"` the score itself
    cost.accuracy_vs_cost(results, *, compressions=None, value, statistic, split, filters, columns, caption)
    cost.budget_curves(results, *, compressions=None, value, statistic, cut=False, split, filters, columns, caption)
        against the search cost, and against the budget with the safe zone; up to four compressions of each grid
    safe_zone.safe_zone(results, *, mode="safety", techniques=None, split, filters, columns, caption)
        budget × compression: how far each technique is ahead of the best fine-tuning, with the number in each cell
    pareto.pareto(results, *, against="weights", split, filters, columns, caption)
        every cell against the weights kept, the multiply-adds or the search cost, with the Pareto front
    paper.paper_figures(results, *, split, filters)
        the paper's figures of each grid, by name

A Chart has `title` and `caption`. `files.save` writes it as PNG, SVG and PDF; `svg.to_svg(chart, inline=True)` makes
an `<svg>` element for an HTML page, in which everything of a technique has the class `technique`, `data-technique` and
`data-part`, and every color is a CSS variable. `looks.looks_of` gives each technique its color, marker and dash.

To draw another figure, start from a `chart.Chart` (widths, text sizes, captions, legends), or from `line_chart.draw` if
it has lines. Imports matplotlib, without its global state (pyplot), and the rest of `orchestrator/results`.
"""
