fn tally(x: u32) -> u32 {
    x
}

fn main() {
    tally(1);

    other();

    tally(2);
}
