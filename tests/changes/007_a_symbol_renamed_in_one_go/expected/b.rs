use a::tally;

fn twice() {
    tally(tally(3));
    more(1);

    old();
}
