//! Which rule says where a service's traffic fails over to, and what that does.

use crate::plugin::finding::{Code, Verb};

/// Those that work out what a rule should say.
const PLAN: &[Verb] = &[Verb::LocalityApply, Verb::LocalityDiff];

codes! {
    FAILS_OVER = Code::note("locality/fails-over")
        .means("When the hosts of a region fail, its clients go to another region.");
    PASSTHROUGH = Code::warning("locality/passthrough")
        .means("The load balancer is PASSTHROUGH: Envoy goes to the address that the client asked for, and nothing fails over.")
        .fix("Choose ROUND_ROBIN or LEAST_REQUEST.");
    DISTRIBUTES = Code::warning("locality/distributes")
        .means("distribute shares the traffic out, so that no region takes over from another.")
        .fix("Take distribute out of the rule, then `kubectl mesh-failover locality apply`.");
    BALANCING_OFF = Code::warning("locality/balancing-off")
        .means("Locality load balancing is off: all regions get traffic at all times.")
        .fix("Write a rule that turns it on: `kubectl mesh-failover locality apply`.");
    DETECTION_OF_THE_MESH = Code::warning("locality/detection-of-the-mesh")
        .means("The outlier detection is that of the mesh configuration, by which Istio gives endpoints no order: all regions get traffic at all times.")
        .fix("Write a rule with an outlier detection of its own: `kubectl mesh-failover locality apply`.");
    PORT_WITHOUT_DETECTION = Code::warning("locality/port-without-detection")
        .means("A port has settings of its own without outlier detection, and inherits none: all regions get traffic at all times.")
        .fix("Give these settings outlier detection as well: `kubectl mesh-failover locality apply`.");
    NO_DETECTION = Code::warning("locality/no-detection")
        .means("There is no outlier detection, without which Istio gives endpoints no order: all regions get traffic at all times.")
        .fix("Write a rule that has it: `kubectl mesh-failover locality apply`.");
    ERRORS_NOT_DETECTED = Code::warning("locality/errors-not-detected")
        .means("Regions have an order without outlier detection: traffic moves when endpoints go, never when they answer with errors.")
        .fix("Write a rule that has outlier detection: `kubectl mesh-failover locality apply`.");
    ERRORS_NOT_COUNTED = Code::warning("locality/errors-not-counted")
        .means("consecutive5xxErrors is 0, so that no error ejects a host: traffic moves only when endpoints go.")
        .fix("Set it: `kubectl mesh-failover locality apply --consecutive-5xx-errors N`.");
    NOTHING_ELSEWHERE = Code::warning("locality/nothing-elsewhere")
        .means("No other region has a ready endpoint that could take over.")
        .fix("Run the service in a second region, and expose it there.");
    EJECTS_TOO_FEW = Code::warning("locality/ejects-too-few")
        .means("maxEjectionPercent lets fewer hosts be ejected than a region has, so that its traffic never leaves it on errors.")
        .fix("Raise it: `kubectl mesh-failover locality apply` does where it is absent or too low.");
    REGION_IN_NO_PAIR = Code::note("locality/region-in-no-pair")
        .means("A region of the service is in no failover pair: its clients go to all other regions alike.");
    TARGET_NOT_READY = Code::warning("locality/target-not-ready")
        .means("The region that is to take over has no ready endpoint now.")
        .fix("Run the service there.");
    TARGET_NOT_EXPOSED = Code::warning("locality/target-not-exposed")
        .means("A cluster that is to take over does not expose the service: clients of other clusters are refused there.")
        .fix("Expose it: `kubectl mesh-failover expose SERVICE`.");
    ENDPOINTS_WITHOUT_REGION = Code::warning("locality/endpoints-without-region")
        .means("Endpoints have no region, and belong to no failover pair.")
        .fix("Label the nodes: `kubectl mesh-failover regions` shows which.");
    KEPT_AT_HOME = Code::warning("locality/kept-at-home")
        .means("A cluster keeps the service at home (clusterLocal): its clients never leave the cluster.")
        .fix("Take the host out of meshConfig.serviceSettings if they should.");
    NO_NAMESPACE = Code::note("locality/no-namespace")
        .means("A cluster does not have the service's namespace: its clients do not find the service, and no rule is written there.");
    RULE_FOR_LABELS = Code::note("locality/rule-for-labels")
        .means("A rule for the same host is for workloads with certain labels, which stay governed by it alone.");
    SEVERAL_RULES = Code::warning("locality/several-rules")
        .means("Several rules are for the same host. istiod takes the traffic policy of the oldest that has one.")
        .fix("Merge them into one.");
    POLICY_COPIED = Code::note("locality/policy-copied")
        .means("Another rule would govern without the new one. Its policy is copied, since the first rule that is found governs as a whole.");
    POLICY_NOT_COPIED = Code::warning("locality/policy-not-copied")
        .means("Another rule governs clients of other namespaces now, and will not any more. Its policy is not copied.")
        .fix("Put what those clients need of it into the new rule.");
    NOT_GOVERNED = Code::warning("locality/not-governed")
        .means("Clients of some namespaces are not governed by the rule: another comes first, or it is not exported to them.")
        .fix("Change the rule that comes first, or export this one.");
    PAIR_KEPT = Code::note("locality/pair-kept")
        .means("The rule keeps a failover pair that was not asked for.");
    PERCENT_KEPT = Code::note("locality/percent-kept")
        .means("The rule keeps its maxEjectionPercent.");
    SUBSET_OVERRIDES = Code::warning("locality/subset-overrides")
        .means("A subset of the rule has settings of its own, which replace what is written for its traffic.")
        .fix("Put failover and outlier detection into the subset too, if its traffic should fail over.");
    GOVERNS_AGAIN = Code::note("locality/governs-again")
        .means("With the rule gone another one governs again.");
    NO_RULE_LEFT = Code::note("locality/no-rule-left")
        .means("With the rule gone none governs: traffic goes to all regions at all times.");
    RULE_STAYS = Code::note("locality/rule-stays")
        .means("A rule that was made by `locality apply` stays, since others put something into it.");
    FIELD_STAYS = Code::note("locality/field-stays")
        .means("A field was changed after `locality apply` wrote it, and is left as it is now.");
    RECORD_DAMAGED = Code::warning("locality/record-damaged")
        .refused_by(&[Verb::LocalityApply, Verb::LocalityRemove])
        .means("The annotation by which it is known what in a rule was written by us cannot be read.")
        .fix("Put it back from Git or a backup. If the rule may stay as it is, remove the annotation.");
    NO_PAIRS = Code::error("locality/no-pairs", PLAN)
        .means("It is not clear which region takes over from which: the service does not have endpoints in exactly two regions.")
        .fix("Name the pairs: --failover FROM=TO.");
    UNKNOWN_REGION = Code::error("locality/unknown-region", PLAN)
        .means("No node and no workload of the mesh is in a region that --failover names.")
        .fix("Name regions as they are, or label the nodes first: `kubectl mesh-failover regions`.");
    PERCENT_TOO_LOW = Code::error("locality/percent-too-low", PLAN)
        .means("With this --max-ejection-percent not all hosts of a region could be ejected, so that it would not fail over.")
        .fix("Leave the flag out: 99 % lets all but one host go.");
    FAILOVER_EXCLUDED = Code::error("locality/failover-excluded", PLAN)
        .means("A rule steers traffic by something that Istio does not take together with failover.")
        .fix("Take that out of the rule.");
    NO_NAME_LEFT = Code::error("locality/no-name-left", PLAN)
        .means("Both names that a rule of ours could have are taken by rules for other hosts.")
        .fix("Rename one of those rules.");
    FIELDS_OF_OTHERS = Code::error("locality/fields-of-others", &[Verb::LocalityApply])
        .means("Fields that have to change belong to someone else.")
        .fix("Change them where they are kept, or take them over: --take-over. `locality remove` gives them back.");
    HOST_IS_NONE = Code::warning("locality/host-is-none")
        .means("A rule seems to mean the service and does not: Istio completes only names without a dot.")
        .fix("Write the whole host.");
}
