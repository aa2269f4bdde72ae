"""What a cart holds, for people."""


def line(name, price, amount):
    return f"{name}: {price * amount:.2f}"


def report(cart):
    lines = []
    for name, price, amount in cart.items:
        lines.append(line(name, price, amount))
    lines.append(line("Total", cart.total(), 1))
    return "\n".join(lines)
