"""The chains of osvc's own: what stands in them, how it is added, and how it goes."""

from reconciler.resources import firewall

OWN = firewall.chain("0123abcd")
LAN = firewall.chain("0123abcd", "89ef0000")
RULES = firewall.way_out(OWN, "osvc-0123abcd", "10.208.4.0/24", "web")
INNER = firewall.way_out(LAN, "osvc-89ef0000", "10.7.1.0/24", "web/network#lan")


def lines(commands):
    return [" ".join(words) for words in commands]


def test_rules_are_made_in_sequence_and_jumps_go_first():
    commands = [" ".join(words) for words in firewall.mend(RULES, RULES)]
    assert commands[0] == "iptables -w -t filter -N OSVC-0123abcd"
    assert commands[4].endswith("-o osvc-0123abcd -m comment --comment osvc:web -j DROP")
    assert commands[5].startswith("iptables -w -t filter -I FORWARD 1 ")
    assert not any(" -F " in line for line in commands)


def test_a_gap_in_a_chain_fills_the_whole_chain_anew():
    missing = [rule for rule in RULES if "ESTABLISHED" in rule]
    commands = [" ".join(words) for words in firewall.mend(RULES, missing)]
    assert commands[0] == "iptables -w -t filter -F OSVC-0123abcd"
    assert len(commands) == 5
    assert not any("-t nat" in line for line in commands)


def test_rules_go_jumps_first_and_chains_last_with_all_that_stands_in_them():
    commands = lines(firewall.remove((*RULES, *INNER)))
    assert [line.split()[4:6] for line in commands[:4]] == [["-D", "FORWARD"], ["-D", "FORWARD"], *[["-D", "POSTROUTING"]] * 2]
    assert commands[4:8] == [f"iptables -w -t filter {verb} {name}" for name in (OWN, LAN) for verb in ("-F", "-X")]
    assert len(commands) == 12


def test_rules_without_their_chain_go_one_by_one():
    commands = lines(firewall.remove([rule for rule in RULES if rule.endswith("-j DROP")]))
    assert commands == [f"iptables -w -t filter -D {OWN} -o osvc-0123abcd -m comment --comment osvc:web -j DROP"]


def test_rules_that_were_seen_are_put_in_an_order_in_which_they_let_pass_before_they_drop():
    commands = lines(firewall.mend(firewall.in_order(frozenset(RULES)), RULES))
    assert [line.split()[4:6] for line in commands[:2]] == [["-N", OWN]] * 2
    inside = [line for line in commands if f"-A {OWN}" in line and "filter" in line]
    assert len(inside) == 4 and inside[-1].endswith("-j DROP")
    assert all(" -I " in line for line in commands[-2:])


def test_rules_of_others_are_not_ours():
    assert all(firewall.ours(rule, OWN) for rule in RULES)
    assert not firewall.ours("filter -A FORWARD -j OSVC-0123abce", OWN)
    assert not firewall.ours("filter -A DOCKER-USER -j RETURN", OWN)
    assert not any(firewall.ours(rule, OWN) for rule in INNER)


def test_what_is_inside_of_an_engine_is_known_by_its_chain():
    assert {firewall.inner(rule, OWN) for rule in INNER} == {"89ef0000"}
    assert {firewall.inner(rule, OWN) for rule in RULES} == {""}
    assert {firewall.inner(rule, firewall.chain("0123abce")) for rule in INNER} == {""}
