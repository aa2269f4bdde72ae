"""A sample for the first suggestion: the body of the last function is missing."""


def total(values):
    result = 0
    for value in values:
        result += value
    return result


def average(values):
    """The arithmetic mean of the values, or 0 if there are none."""
    if len(values) == 0:
        return 0
    return 
