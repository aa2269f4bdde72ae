fn count(x: u32) -> u32 {
    x
}

fn main() {
    count(1);

    other();

    count(2);
}
