/* cli_rank.h - evaluations that rank labels: of sparse rows, which may have several each, and of nets of many classes. */
#ifndef IST_TOOLS_CLI_RANK_H
#define IST_TOOLS_CLI_RANK_H

#include <ist/ist.h>

#include "cli_json.h"
#include "cli_table.h"

/* Is this net's worth on these rows a matter of ranking?  Never for a regression. */
bool cli_ranks(const ist_model *model, const ist_dataset *data);

/* ist_model_evaluate; or where cli_ranks says so, or there are propensities, ist_model_rank, with the same told in *result: accuracy is precision at 1.  Both
 * have their struct_size set here; ranking->rows is 0 where nothing was ranked.  propensity: as ist_model_rank has it. */
ist_status cli_rank(ist_model *model, const ist_dataset *data, const ist_dataset *propensity,
                    const ist_evaluate_config *config, ist_evaluation *result, ist_ranking *ranking);

/* Adds precision_at_1, .. 3, .. 5 and ndcg_at_..; psp_at_.. where propensities were given.  Nothing where nothing was ranked. */
void cli_rank_add(json_t *object, const ist_ranking *ranking, bool propensity);
/* Rows of a table likewise, with k = 1, 3, 5 beside each other.  before: what stands before their names, "" or "test ". */
void cli_rank_rows(cli_table *table, const char *before, const ist_ranking *ranking, bool propensity);

#endif
