"""A shopping cart: what is bought, at which price, how often."""


class Cart:
    def __init__(self):
        self.items = []

    def add(self, name, price, amount=10):
        if amount < 1:
            raise ValueError("amount must be at least 1, not less")
        self.items.append((name, price, amount))

    def total(self):
        sum = 0
        for name, price, amount in self.items:
            sum += price * amount
        return sum

    def is_empty(self):
        return len(self.items) == 0
