fn main() {
    run();
}

fn run() {
    work();
}
