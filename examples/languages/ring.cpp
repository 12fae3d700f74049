// ring.cpp - ring.c in C++: handles that destroy themselves in the right order, failures as exceptions.
// Build: CMakeLists.txt in this folder, or c++ -std=c++17 ring.cpp $(pkg-config --cflags --libs ist).
#include <ist/ist.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <vector>

namespace
{

template <auto destroy> struct Destroy {
    template <class Handle> void operator()(Handle *handle) const
    {
        destroy(handle);
    }
};
using Context = std::unique_ptr<ist_context, Destroy<ist_context_destroy>>;
using Dataset = std::unique_ptr<ist_dataset, Destroy<ist_dataset_destroy>>;
using Model = std::unique_ptr<ist_model, Destroy<ist_model_destroy>>;
using Trainer = std::unique_ptr<ist_trainer, Destroy<ist_trainer_destroy>>;

void check(ist_status status, const Context &context)
{
    if (status != IST_OK) throw std::runtime_error(context ? ist_context_error(context.get()) : ist_strerror(status));
}

// make<Model>(context, ist_model_create, &config): a handle that a function of ours gives.
template <class Handle, class Function, class... Arguments>
Handle make(const Context &context, Function create, Arguments... arguments)
{
    typename Handle::pointer handle = nullptr;
    check(create(context.get(), &handle, arguments...), context);
    return Handle(handle);
}

constexpr int rows = 2048, features = 2, classes = 2, told = 8;

struct Data {
    std::vector<float> points;
    std::vector<std::int32_t> labels;
};

Data make_data()
{
    Data data;
    std::int64_t state = 1;
    for (int i = 0; i < rows; i++) {
        std::int64_t square = 0;
        for (int f = 0; f < features; f++) {
            state = (state * 1103515245 + 12345) % 2147483648;
            const std::int64_t at = state / 32768 - 32768;
            data.points.push_back(static_cast<float>(at) / 32768);
            square += at * at;
        }
        data.labels.push_back(square > 268435456 && square < 805306368);
    }
    return data;
}

void train()
{
    const Data data = make_data(); // before the handles: they borrow it

    ist_context *raw = nullptr;
    check(ist_context_create(&raw, nullptr), nullptr);
    const Context context(raw);
    const auto dataset =
        make<Dataset>(context, ist_dataset_wrap, data.points.data(), std::int32_t{IST_FLOAT32}, std::int64_t{rows},
                      features, std::int64_t{features * sizeof(float)}, data.labels.data(), classes);

    const std::int32_t hidden[] = {256};
    ist_model_config net = IST_MODEL_CONFIG_INIT;
    net.features = features;
    net.classes = classes;
    net.hidden = hidden;
    net.hidden_count = 1;
    net.output_norm = IST_NORM_NONE;
    net.subnets = 2;
    net.seed = 7;
    const auto model = make<Model>(context, ist_model_create, &net);

    ist_train_config run = IST_TRAIN_CONFIG_INIT;
    run.epochs = 60;
    run.local_steps = 10;
    run.seed = 7;
    const auto trainer = make<Trainer>(context, ist_trainer_create, model.get(), dataset.get(), &run);

    check(ist_trainer_run(trainer.get(), 0, nullptr, nullptr), context);
    check(ist_trainer_calibrate(trainer.get()), context);
    ist_evaluation result = IST_EVALUATION_INIT;
    check(ist_model_evaluate(model.get(), dataset.get(), nullptr, &result), context);
    std::vector<float> chance(rows * classes);
    check(ist_model_predict(model.get(), dataset.get(), nullptr, chance.data()), context);

    std::printf("right %lld of %d\n", static_cast<long long>(result.correct), rows);
    for (std::size_t i = 0; i < told; i++)
        std::printf("%d %.8E %.8E\n", data.labels[i], chance[i * classes], chance[i * classes + 1]);
}

} // namespace

int main()
{
    try {
        train();
    } catch (const std::exception &error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
