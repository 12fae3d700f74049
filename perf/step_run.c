/* step_run.c - children: start, ask, end. */
#define _GNU_SOURCE /* pipe2 */
#include "step.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void close_pipe(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static bool spawn(step_member *m, double sample_s)
{
    int ask[2], answer[2];
    if (pipe2(ask, O_CLOEXEC) != 0) return false;
    if (pipe2(answer, O_CLOEXEC) != 0) {
        close(ask[0]);
        close(ask[1]);
        return false;
    }
    /* Children wait for their turn beside the one that is measured.  OpenMP threads that spin meanwhile, for 0.2 s by
     * default with libomp and for ever with the policy `active`, would take its cores. */
    setenv("OMP_WAIT_POLICY", "passive", 1);
    unsetenv("GOMP_SPINCOUNT");
    unsetenv("KMP_BLOCKTIME");

    char program[4096], seconds[32];
    snprintf(program, sizeof program, "%s", m->program);
    snprintf(seconds, sizeof seconds, "%.6f", sample_s);
    char text[512], child[] = "--child", option[] = "--seconds";
    snprintf(text, sizeof text, "%s", m->text);
    char *const arguments[] = {program, child, option, seconds, text, NULL};
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, ask[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, answer[1], STDOUT_FILENO);
    const int error = posix_spawn(&m->pid, program, &files, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&files);
    close(ask[0]);
    close(answer[1]);
    m->ask = ask[1];
    m->answer = answer[0];
    m->alive = error == 0;
    errno = error;
    return m->alive;
}

bool step_start(step_member *m, double sample_s)
{
    m->ask = m->answer = -1;
    if (!spawn(m, sample_s)) {
        fprintf(stderr, "ist-bench-step: %s: %s\n", m->program, strerror(errno));
    } else if (!step_read(m->answer, &m->hello, sizeof m->hello)) {
        fprintf(stderr, "ist-bench-step: %s: ended early\n", m->text);
    } else if (m->hello.failed) {
        fprintf(stderr, "ist-bench-step: %s: %.*s\n", m->text, (int)sizeof m->hello.error, m->hello.error);
    } else {
        return true;
    }
    step_end(m);
    return false;
}

bool step_ask(step_member *m)
{
    if (step_write(m->ask, "s", 1) && step_read(m->answer, &m->samples[m->taken], sizeof *m->samples)) {
        m->taken++;
        return true;
    }
    fprintf(stderr, "ist-bench-step: %s: ended early\n", m->text);
    step_end(m);
    return false;
}

void step_end(step_member *m)
{
    close_pipe(&m->ask); /* the end of its input is the end of the child */
    close_pipe(&m->answer);
    if (m->alive) (void)waitpid(m->pid, NULL, 0);
    m->alive = false;
}
