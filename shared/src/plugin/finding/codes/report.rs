//! What a reader of a drill's report must know to judge its figures.

use crate::plugin::finding::Code;

codes! {
    TRAFFIC_BROKE_OFF = Code::warning("report/traffic-broke-off")
        .means("The requests of the drill ended before the drill did: nothing was measured from then on.")
        .fix("See why the client's container ended, then run the drill again.");
    NO_REQUEST = Code::warning("report/no-request")
        .means("No request was reported, so that there are no figures.")
        .fix("See that the client can run curl and reach the service, then run the drill again.");
    RATE_NOT_REACHED = Code::warning("report/rate-not-reached")
        .means("Fewer requests a second were sent than --rate asks for: times are less fine, and shares of fewer requests.")
        .fix("Ask for a lower rate, or use a client with more CPU: --rate, --from.");
    RATE_NOT_HELD = Code::note("report/rate-not-held")
        .means("The client's curl is older than 7.84 and cannot hold a rate: it sends one request after the other.");
    PATTERN_NOT_FOUND = Code::warning("report/pattern-not-found")
        .means("The pattern that shows who answered matched no answer.")
        .fix("Give one that matches in each answer: --match.");
    REGIONS_BY_MAJORITY = Code::warning("report/regions-by-majority")
        .means("Which answers come from which region is taken from what most answers of the baseline say: the client proxy's counters do not show it.")
        .fix("Bring the baseline down to one region, so that the counters show whose answers are whose.");
    REGIONS_BY_COUNTERS = Code::note("report/regions-by-counters")
        .means("Only the client proxy's counters show who answered: the time resolution is the pause between two readings.");
    REGIONS_UNKNOWN = Code::warning("report/regions-unknown")
        .means("Neither a pattern nor the client proxy's counters show who answered.")
        .fix("Give a pattern that differs between the regions' answers: --match.");
    ANSWERS_UNKNOWN = Code::warning("report/answers-unknown")
        .means("It is not known which region gave some of the answers.")
        .fix("Give a pattern that matches in each answer: --match.");
    BASELINE_ELSEWHERE = Code::warning("report/baseline-elsewhere")
        .means("Part of the baseline was answered by other regions: the first answer from elsewhere says nothing about the fault, and is left out.")
        .fix("Let clients stay in their region while all is well: `kubectl mesh-failover locality apply SERVICE`.");
    BASELINE_FAILED = Code::warning("report/baseline-failed")
        .means("Requests failed in the baseline as well: the first failed request may have nothing to do with the fault.")
        .fix("Find out why requests fail without a fault.");
    SAMPLES_LOST = Code::warning("report/samples-lost")
        .means("Samples were lost between the client and this machine, and are counted nowhere.")
        .fix("Ask for a lower rate, or run the drill nearer to the cluster: --rate.");
    SAMPLES_REPEATED = Code::note("report/samples-repeated")
        .means("Samples were reported more than once, and are counted once.");
    SAMPLES_STEPPED_BACK = Code::note("report/samples-stepped-back")
        .means("The client's clock was set back: samples that are earlier than the one before count as ended with it.");
    FEW_REQUESTS = Code::note("report/few-requests")
        .means("A phase has fewer than 100 requests: its p99 is its slowest one.");
    FAULT_LIMITS = Code::note("report/fault-limits")
        .means("What a drill with this fault does not show.");
}
