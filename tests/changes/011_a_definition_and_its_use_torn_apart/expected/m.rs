fn main() {
    if let Some(limit) = parse_limit() {
        run();
    }
}

fn run() {
    work();
}
