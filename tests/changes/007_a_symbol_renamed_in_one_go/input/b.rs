use a::count;

fn twice() {
    count(count(3));
    more(1);

    old();
}
