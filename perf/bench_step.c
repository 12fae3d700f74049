/* bench_step.c - ist-bench-step: how fast whole training runs are, as a share of what the machine could do that moment.
 * perf/README.md tells how to read it. */
#define _GNU_SOURCE /* SIGPIPE and friends under -std=c11 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "step.h"

static const char help[] =
    "ist-bench-step - speed of training runs, interleaved, with the peak of the moment beside each\n"
    "\n"
    "usage: ist-bench-step [options] CONFIG...\n"
    "\n"
    "A CONFIG is a list of KEY=VALUE, separated by commas; all have defaults:\n"
    "  net=4096-4096-4096-35   features, hidden layers, classes\n"
    "  engine=auto             auto, native, native-avx512, native-avx2, native-portable, openblas, reference\n"
    "  optimizer=sgd           sgd, momentum, nesterov, adam\n"
    "  subnets=1               1 is plain training of the whole net\n"
    "  steps=30                local steps of a round\n"
    "  batch=128               rows of a step of one subnet\n"
    "  rows=4096               rows of made data\n"
    "  teams=N                 default: one for each subnet, but no more than cores\n"
    "  threads=N               of a team; default: the cores, shared by the teams\n"
    "\n"
    "  --samples N       of each configuration (default: 15)\n"
    "  --seconds S       length of a sample, at least one round (default: 0.4)\n"
    "  --exec PROGRAM    another build of this program: each configuration runs in both, in turn\n"
    "  --json, --csv     a line for each configuration instead of a table\n";

enum { MAX_MEMBERS = 32, OPTION_SAMPLES = 256, OPTION_SECONDS, OPTION_EXEC, OPTION_JSON, OPTION_CSV, OPTION_CHILD };

typedef struct options {
    long samples;
    double seconds;
    const char *other;
    int format;
    bool child;
} options;

/* -1: go on; else the exit status. */
static int parse_options(int argc, char **argv, options *o)
{
    static const struct option names[] = {
        {"samples", required_argument, NULL, OPTION_SAMPLES},
        {"seconds", required_argument, NULL, OPTION_SECONDS},
        {"exec", required_argument, NULL, OPTION_EXEC},
        {"json", no_argument, NULL, OPTION_JSON},
        {"csv", no_argument, NULL, OPTION_CSV},
        {"child", no_argument, NULL, OPTION_CHILD},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "h", names, NULL)) != -1) {
        char *end = NULL;
        if (option == OPTION_SAMPLES) o->samples = strtol(optarg, &end, 10);
        else if (option == OPTION_SECONDS) o->seconds = strtod(optarg, &end);
        else if (option == OPTION_EXEC) o->other = optarg;
        else if (option == OPTION_JSON) o->format = STEP_JSON;
        else if (option == OPTION_CSV) o->format = STEP_CSV;
        else if (option == OPTION_CHILD) o->child = true;
        else if (option == 'h') return fputs(help, stdout) == EOF;
        else return 2;
        if (end && (*end != '\0' || o->samples < 1 || o->samples > 10000 || !(o->seconds > 0.0 && o->seconds < 1e4))) {
            fprintf(stderr, "ist-bench-step: %s is out of range\n", optarg);
            return 2;
        }
    }
    return -1;
}

/* Asks all children in turn, the other way round in every second turn: what drifts then touches all alike. */
static bool take_samples(step_run *run)
{
    const bool tell = isatty(STDERR_FILENO);
    bool well = true;
    for (int turn = 0; turn < run->turns; turn++) {
        if (tell) fprintf(stderr, "\rturn %d of %d ", turn + 1, run->turns);
        for (int i = 0; i < run->member_count; i++) {
            step_member *m = &run->members[turn % 2 == 0 ? i : run->member_count - 1 - i];
            if (m->alive && !step_ask(m)) well = false;
        }
    }
    if (tell) fprintf(stderr, "\r                    \r");
    return well;
}

int main(int argc, char **argv)
{
    options o = {.samples = 15, .seconds = 0.4, .format = STEP_TABLE};
    const int status = parse_options(argc, argv, &o);
    if (status >= 0) return status;
    signal(SIGPIPE, SIG_IGN); /* a child that died is an error to tell, not our end */
    const int programs = o.other ? 2 : 1, configs = argc - optind;
    if (o.child && configs == 1) return step_child(argv[optind], o.seconds);
    if (configs < 1 || configs * programs > MAX_MEMBERS) {
        fprintf(stderr, "ist-bench-step: 1 to %d configurations are needed (see --help)\n", MAX_MEMBERS / programs);
        return 2;
    }
    char self[4096];
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) {
        perror("ist-bench-step: /proc/self/exe");
        return 1;
    }
    self[length] = '\0';

    static step_member members[MAX_MEMBERS];
    step_run run = {.turns = (int)o.samples, .members = members};
    bool well = true;
    for (int i = 0; i < configs; i++) {
        for (int p = 0; p < programs; p++) {
            step_member *m = &members[run.member_count++];
            *m = (step_member){.text = argv[optind + i], .program = p ? o.other : self, .other = p > 0};
            m->samples = calloc((size_t)run.turns, sizeof *m->samples);
            m->kept = calloc((size_t)run.turns, sizeof *m->kept);
            if (!m->samples || !m->kept) return 1;
            if (!step_config_parse(m->text, &m->config)) return 2;
        }
    }
    for (int i = 0; i < run.member_count; i++) well = step_start(&members[i], o.seconds) && well;
    well = take_samples(&run) && well;
    for (int i = 0; i < run.member_count; i++) step_end(&members[i]);
    step_report(&run, o.format);
    for (int i = 0; i < run.member_count; i++) {
        free(members[i].samples);
        free(members[i].kept);
    }
    return well && fflush(stdout) == 0 ? 0 : 1;
}
