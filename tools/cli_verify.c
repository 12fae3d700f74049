/* cli_verify.c - --verify-placement: where the pages of a run are, asked between its rounds.
 *
 * The teams wait while it asks.  A line is printed when things get worse, not for every check of a run that goes on for
 * hours on a wrong node; the log has them all.
 */
#include "cli_verify.h"

#include <stdio.h>
#include <string.h>

#include "cli_number.h"
#include "cli_say.h"

static json_t *event_of(const ist_placement *p, const ist_progress *at)
{
    json_t *e = json_object();
    const struct {
        const char *key;
        int64_t value;
    } number[] = {{"round", at->round},
                  {"nodes", p->nodes},
                  {"bytes", p->bytes},
                  {"local_bytes", p->local_bytes},
                  {"remote_bytes", p->remote_bytes},
                  {"unknown_bytes", p->unknown_bytes},
                  {"hot_bytes", p->hot_bytes},
                  {"hot_local_bytes", p->hot_local_bytes},
                  {"hot_unknown_bytes", p->hot_unknown_bytes},
                  {"moved_bytes", p->moved_bytes},
                  {"wrong", p->wrong}};
    json_object_set_new(e, "event", json_string("placement"));
    for (size_t i = 0; i < sizeof number / sizeof number[0]; i++)
        json_object_set_new(e, number[i].key, json_integer(number[i].value));
    json_object_set_new(e, "balanced_pages", p->balanced_pages < 0 ? json_null() : json_integer(p->balanced_pages));
    json_object_set_new(e, "worst", p->wrong > 0 ? json_string(p->worst) : json_null());
    json_object_set_new(e, "verify_s", cli_json_real(p->seconds));
    json_object_set_new(e, "wall_s", cli_json_real(cli_wall_s()));
    return e;
}

static void tell(cli_verify *verify, const ist_placement *p, int64_t round)
{
    char some[CLI_NUMBER_BYTES], all[CLI_NUMBER_BYTES];
    if (p->remote_bytes > verify->told_bytes)
        cli_note("note: placement: after round %lld, %s of %s are not at home; %s", (long long)round,
                 cli_show_bytes(some, (double)p->remote_bytes), cli_show_bytes(all, (double)p->bytes), p->worst);
    verify->told_bytes = p->remote_bytes;
    if (p->moved_bytes > 0)
        cli_note("note: placement: %s moved to another node before the end of round %lld (by NUMA balancing: %lld "
                 "pages of this process%s)",
                 cli_show_bytes(some, (double)p->moved_bytes), (long long)round,
                 (long long)(p->balanced_pages < 0 ? 0 : p->balanced_pages),
                 p->balanced_pages < 0 ? ", but the kernel does not tell" : "");
}

bool cli_verify_after(cli_verify *verify, ist_trainer *trainer, cli_log *log, const ist_progress *at)
{
    if (verify->every == 0 || at->round % verify->every != 0) return true;
    ist_placement found = IST_PLACEMENT_INIT;
    verify->status = ist_trainer_verify(trainer, &found);
    verify->checks++;
    if (verify->status != IST_OK) return false;
    verify->wrong_checks += found.wrong > 0;
    verify->moved_bytes += found.moved_bytes;
    verify->seconds += found.seconds;
    if (log->file) cli_log_write(log, event_of(&found, at));
    tell(verify, &found, at->round);
    return true;
}

json_t *cli_verify_json(const cli_verify *verify)
{
    if (verify->every == 0) return json_null();
    return json_pack("{s:i, s:I, s:I, s:I, s:f}", "every", (int)verify->every, "checks", (json_int_t)verify->checks,
                     "wrong_checks", (json_int_t)verify->wrong_checks, "moved_bytes", (json_int_t)verify->moved_bytes,
                     "seconds", verify->seconds);
}

/* Append to what stands in `out`. */
static void append(char *out, size_t cap, const char *text)
{
    const size_t length = strlen(out);
    snprintf(out + length, cap - length, "%s", text);
}

/* Two decimals, but never 100 % of what is not all. */
static double percent(double part, double whole)
{
    const double share = whole > 0 ? 100 * part / whole : 0;
    return part < whole && share > 99.99 ? 99.99 : share;
}

const char *cli_verify_words(const cli_verify *verify, const json_t *report, char *out, size_t cap)
{
    const json_t *proof = json_object_get(report, "proof"), *verdict = json_object_get(proof, "verdict");
    const double bytes = cli_json_number(verdict, "bytes", 0), local = cli_json_number(verdict, "local_bytes", 0);
    const double remote = cli_json_number(verdict, "remote_bytes", 0);
    const double unknown = cli_json_number(verdict, "unknown_bytes", 0);
    const double moved = cli_json_number(json_object_get(proof, "migration"), "migrated_bytes", 0);
    char text[160], number[CLI_NUMBER_BYTES];
    if (cli_json_number(verdict, "nodes", 0) == 1 && remote == 0) {
        snprintf(out, cap, "%s on one node, where nothing can be wrong", cli_show_bytes(number, bytes));
    } else if (unknown >= bytes) {
        snprintf(out, cap, "unknown: the kernel does not tell (%s)", cli_json_text(verdict, "refused", "no reason"));
    } else {
        snprintf(out, cap, "%.2f %% of %s at home", percent(local, bytes), cli_show_bytes(number, bytes));
        if (remote > 0) {
            snprintf(text, sizeof text, ", %s on other nodes", cli_show_bytes(number, remote));
            append(out, cap, text);
        }
        if (unknown > 0) {
            snprintf(text, sizeof text, ", %s unknown", cli_show_bytes(number, unknown));
            append(out, cap, text);
        }
    }
    if (moved > 0) {
        snprintf(text, sizeof text, ", %s moved on the way", cli_show_bytes(number, moved));
        append(out, cap, text);
    }
    if (verify->every > 0) /* the report is the last look */
        snprintf(text, sizeof text, " (checked %s times)", cli_show_count(number, verify->checks + 1));
    else snprintf(text, sizeof text, " (at the end)");
    append(out, cap, text);
    return out;
}
