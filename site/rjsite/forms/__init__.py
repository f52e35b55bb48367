"""The forms: their definitions, and the validation of answers."""
