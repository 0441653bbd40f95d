//! Escapes whose test needs more than a row.

/// Id, what was tried, what happened, and the test.
pub const ROWS: &[(&str, &str, &str, &str)] = &[
    (
        "A35",
        "a name with a public and a private address",
        "not dialled: every address must fit",
        "wasm::egress::address::tests::a_name_with_any_address_out_of_reach_is_not_dialled",
    ),
    (
        "A36",
        "a name that answers otherwise between check and dial",
        "the addresses that were checked are those dialled: there is no second look-up",
        "wasm::egress::address::tests::a_name_with_any_address_out_of_reach_is_not_dialled",
    ),
    (
        "A37",
        "every IPv6 form of a prohibited IPv4 address",
        "not dialled",
        "wasm::egress::address::tests::no_ipv6_form_of_a_prohibited_ipv4_address_is_reached",
    ),
    (
        "A38",
        "loopback by name and by number without the grant",
        "not dialled; with the grant for that origin it is",
        "egress::loopback_is_out_of_reach_without_the_grant_by_name_and_by_number",
    ),
    (
        "A39",
        "a grant that is revoked while the run goes on",
        "refused from then on",
        "egress::a_private_grant_holds_for_its_origin_and_can_be_revoked_at_any_time",
    ),
    (
        "H40",
        "a proxy in the host's environment",
        "not used",
        "escapes::process::a_proxy_of_the_environment_is_not_used",
    ),
    (
        "S09",
        "a secret that the vendor sends back, in this run or a later one",
        "masked, also in Base64, JSON and URLs",
        "egress::secrets::what_a_vendor_sends_back_is_masked_in_this_run_and_in_later_ones",
    ),
    (
        "S10",
        "a secret sent back compressed",
        "plain text is asked for; a compressed answer is refused",
        "egress::secrets::a_compressed_answer_to_a_secret_is_refused",
    ),
    (
        "S11",
        "the word of an earlier run",
        "means nothing: words are made anew for each",
        "egress::a_placeholder_is_fresh_for_every_run",
    ),
    (
        "S12",
        "a secret's variable in the configuration",
        "refused when it loads",
        "reload::variables::a_variable_is_looked_up_before_the_schema_is_asked",
    ),
    (
        "S13",
        "a stored secret's row under another name",
        "refused: the name is sealed in",
        "vault::nothing_in_the_database_gives_a_secret_away_or_passes_for_another",
    ),
    (
        "L18",
        "a `describe` that spins",
        "not loaded: 250 ms of processor time",
        "reload::an_endless_describe_and_a_foreign_world_are_refused_with_a_reason",
    ),
    (
        "L19",
        "memory shared out over many memories",
        "the bound holds for their sum",
        "wasm::limits::tests::the_memory_bound_holds_for_the_sum_of_all_memories",
    ),
    (
        "L20",
        "20 memories, 200 tables, 1,000 instances, a table of a million elements",
        "not instantiated",
        "wasm::limits::instances::what_is_more_than_an_instance_may_have_is_refused",
    ),
    (
        "L21",
        "all places of the pool taken",
        "others wait; no attempt is lost",
        "sandbox::a_run_that_meets_a_full_pool_waits_and_costs_no_attempt",
    ),
    (
        "L22",
        "every processor kept busy",
        "others are served in between",
        "sandbox::others_are_served_while_some_spin",
    ),
    (
        "R01",
        "compiled code in the cache altered",
        "compiled anew",
        "reload::an_altered_cache_entry_is_never_loaded_but_made_anew",
    ),
    (
        "R02",
        "a build other than the pin",
        "not loaded",
        "reload::pins::a_new_pin_stops_a_running_build_of_another_digest",
    ),
    (
        "R03",
        "a file of 200 MB, a core module, a torn file, another world",
        "not loaded; the last good build serves",
        "reload::files::all_kinds_of_rubbish_keep_the_last_good_build_and_say_why",
    ),
    (
        "R04",
        "a component that the named key has not signed",
        "not loaded",
        "sources::a_file_must_be_signed_by_the_key_that_the_section_names",
    ),
    (
        "R05",
        "another artifact's signature",
        "not loaded",
        "sources::an_artifact_must_be_signed_as_cosign_does",
    ),
    (
        "R06",
        "a registry that sends something else",
        "not loaded: digests of manifest and layer are compared",
        "sources::an_artifact_is_fetched_by_its_digest_and_kept",
    ),
];
