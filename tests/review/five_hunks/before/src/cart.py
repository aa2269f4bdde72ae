"""A shopping cart."""


class Cart:
    def __init__(self):
        self.items = []

    def add(self, name, price, amount=1):
        self.items.append((name, price, amount))

    def total(self):
        sum = 0
        for name, price, amount in self.items:
            sum += price * amount
        return sum

    def is_empty(self):
        return len(self.items) == 0
