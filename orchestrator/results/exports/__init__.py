"""Files for other programs: all results as one table, and networks as safetensors.

Nothing else in `results` imports them; they import no driver.
"""
