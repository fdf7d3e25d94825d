"""Figures with matplotlib, drawn from tables. Nothing else in `results` imports them; they import no driver."""
