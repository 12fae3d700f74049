/* target_checkpoint.c - checkpoints, as they are and with their checksums mended, resumed into a small run: refused, they
 * change nothing of it; accepted, the run goes on and saves what it was given. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "fuzz_run.h"
#include "fuzz_sections.h"

static void resume(fuzz_run *run, const uint8_t *data, size_t size)
{
    ist_progress before = {.struct_size = sizeof before}, after = before;
    fuzz_require(ist_trainer_progress(run->trainer, &before) == IST_OK);
    ist_status status = ist_trainer_resume(run->trainer, fuzz_file(0, data, size));
    fuzz_require(ist_trainer_progress(run->trainer, &after) == IST_OK);
    if (status) {
        fuzz_check_refusal(status, ist_context_error(fuzz_context()));
        fuzz_require(memcmp(&before, &after, sizeof after) == 0);
        return;
    }
    fuzz_require(after.round >= 0 && after.round <= after.rounds);
    const char *saved = fuzz_path("saved");
    fuzz_require(ist_trainer_save(run->trainer, saved) == IST_OK);
    fuzz_require(ist_trainer_resume(run->trainer, saved) == IST_OK);
    status = ist_trainer_run(run->trainer, 1, NULL, NULL);
    fuzz_require(status == IST_OK || status == IST_E_DIVERGED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static fuzz_run run; /* one for all: a run that was resumed is what the file says, whatever it was before */
    if (!run.trainer) run = fuzz_run_open(fuzz_context());
    resume(&run, data, size);
    uint8_t *mended = fuzz_mended(data, size);
    if (size > 0 && memcmp(mended, data, size) != 0) resume(&run, mended, size);
    free(mended);
    return 0;
}
