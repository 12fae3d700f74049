/* cli_rank.c - evaluations that rank labels. */
#include "cli_rank.h"

#include <stdio.h>

enum { MANY_CLASSES = 4096 };

/* The k that are told. */
static const int told[] = {1, 3, 5};
enum { TOLD = sizeof told / sizeof told[0] };

bool cli_ranks(const ist_model *model, const ist_dataset *data)
{
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    ist_dataset_info info = {.struct_size = sizeof info};
    ist_model_describe(model, &net);
    ist_dataset_describe(data, &info);
    const bool regresses = net.loss == IST_LOSS_MSE || net.loss == IST_LOSS_HUBER;
    return !regresses && (info.sparse || net.classes >= MANY_CLASSES);
}

ist_status cli_rank(ist_model *model, const ist_dataset *data, const ist_dataset *propensity,
                    const ist_evaluate_config *config, ist_evaluation *result, ist_ranking *ranking)
{
    *ranking = (ist_ranking)IST_RANKING_INIT;
    *result = (ist_evaluation)IST_EVALUATION_INIT;
    if (!propensity && !cli_ranks(model, data)) return ist_model_evaluate(model, data, config, result);
    const ist_status status = ist_model_rank(model, data, propensity, config, ranking);
    if (status != IST_OK) return status;
    result->rows = ranking->rows;
    result->accuracy = ranking->precision[0];
    result->correct = (int64_t)(ranking->precision[0] * (double)ranking->rows + 0.5);
    result->loss = ranking->loss;
    result->seconds = ranking->seconds;
    result->flops = ranking->flops;
    return IST_OK;
}

static void add(json_t *object, const char *what, const double *at)
{
    for (int i = 0; i < TOLD; i++) {
        char key[32];
        snprintf(key, sizeof key, "%s_at_%d", what, told[i]);
        json_object_set_new(object, key, cli_json_real(at[told[i] - 1]));
    }
}

void cli_rank_add(json_t *object, const ist_ranking *ranking, bool propensity)
{
    if (ranking->rows == 0) return;
    add(object, "precision", ranking->precision);
    add(object, "ndcg", ranking->ndcg);
    if (propensity) add(object, "psp", ranking->psp);
}

static void row(cli_table *table, const char *before, const char *what, const double *at)
{
    cli_table_cell(table, "%s%s at 1, 3, 5", before, what);
    cli_table_cell(table, "%.4f, %.4f, %.4f", at[0], at[2], at[4]);
}

void cli_rank_rows(cli_table *table, const char *before, const ist_ranking *ranking, bool propensity)
{
    if (ranking->rows == 0) return;
    row(table, before, "precision", ranking->precision);
    row(table, before, "nDCG", ranking->ndcg);
    if (propensity) row(table, before, "psp", ranking->psp);
}
