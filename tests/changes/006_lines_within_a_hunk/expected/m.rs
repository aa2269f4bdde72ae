fn main() {
    let a = 10;
    let b = 2;
    let c = 3;
    let d = 40;
}
