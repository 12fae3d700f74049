#!/usr/bin/env bash
# export.sh - models for other programs: ist export and ist import; the files as NumPy, safetensors' rules and ONNX see them.
#
# Run as `bash export.sh CASE`; each line "# CASE name: what" below is an entry of ctest.  Environment: IST the executable.
# Debian 12's python3-onnx (1.12) checks graphs and cannot run them: a few lines of NumPy below do, in double precision; a newer one's
# reference evaluator, and OpenCV's networks (python3-opencv), are asked where they are installed.
# Exit status: 0 passed, 1 failed, 77 skipped with a reason.
# shellcheck source=scene.sh
source "$(dirname "$0")/scene.sh"

# Two hundred rows of 8 features and 3 classes.
awk 'BEGIN { srand(3); for (i = 0; i < 200; i++) { c = int(rand() * 3); x = ""
    for (f = 0; f < 8; f++) x = x (f > 0 ? "," : "") sprintf("%.4f", 5 + 3 * (rand() + (f % 3 == c)))
    print x > "x.csv"; print c > "y.csv" } }'

# nets: models m0.ist .. of all kinds of norm, scale, normalization and depth; p0.npy .. are what they predict.
nets() {
    local i=0 words
    while read -r -a words; do
        run 0 train --train x.csv:y.csv --epochs 3 --quiet --model "m$i.ist" "${words[@]}"
        run 0 predict "m$i.ist" --data x.csv --out "p$i.npy"
        i=$((i + 1))
    done <<'NETS'
--hidden 12,7 --subnets 3 --normalize zscore --output-scale 0.5
--hidden 12,7 --subnets 3 --output-norm none --normalize none --activation gelu
--hidden 12,7 --subnets 3 --norm none --output-norm none --normalize global --lr 0.01 --activation silu
--hidden 12 --subnets 2 --norm none --lr 0.01 --output-scale 2 --output-norm none --normalize none
--hidden 70,9,40 --subnets 4 --normalize 5,2 --activation tanh
--hidden none --normalize zscore --subnets 1 --activation gelu
NETS
    count=$i
}

# with_python MODULES: a Python that has them.
with_python() {
    for python in python3 /usr/bin/python3; do
        if "$python" -c "import $1" 2>/dev/null; then return; fi
    done
    skip "no Python has $1 (tools/install-packages.sh test)"
}

# What follows reads arrays by themselves, not by the library that wrote them.
cat >nets.py <<'END'
import json, struct, sys
import numpy as np

def safetensors(path):
    data = open(path, "rb").read()
    (length,) = struct.unpack("<Q", data[:8])
    assert (8 + length) % 8 == 0
    said, body, at = json.loads(data[8:8 + length]), data[8 + length:], 0
    types = {"F32": "<f4", "F64": "<f8", "I32": "<i4"}
    found = {}
    for name, t in said.items():
        begin, end = t["data_offsets"]
        assert begin == at
        at = end
        found[name] = np.frombuffer(body[begin:end], types[t["dtype"]]).reshape(t["shape"])
    assert at == len(body)
    return found

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

def sigmoid(t):
    return 1 / (1 + np.exp(-t))

activations = [lambda v: np.maximum(v, 0), lambda v: v / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (v + 0.044715 * v ** 3))), np.tanh,
               lambda v: v * sigmoid(v)]

def forward(t, x):
    """docs/export.md, in double precision."""
    t = {k: v.astype(np.float64) for k, v in t.items()}
    n, scale = (float(t[k][0]) if k in t else 1.0 for k in ("net.subnets", "net.output_scale"))
    if "input.shift" in t:
        x = (x - t["input.shift"]) * t["input.factor"]
    activation = activations[int(t["net.activation"][0]) if "net.activation" in t else 0]
    last = sum(k.startswith("layers.") and k.endswith(".weight") for k in t) - 1
    for l in range(last + 1):
        z = x @ t[f"layers.{l}.weight"].T
        if f"layers.{l}.bias" in t:
            z = z / (n if l > 0 else 1) + t[f"layers.{l}.bias"]
        else:
            z = (z - t[f"norms.{l}.running_mean"]) / np.sqrt(t[f"norms.{l}.running_var"] + 1e-5)
            if l < last:
                z = z * t[f"norms.{l}.weight"] + t[f"norms.{l}.bias"]
        x = z if l == last else activation(z)
    return softmax(scale * x)

def near(a, b, what):
    off = float(abs(a - b).max())
    if not (a.shape == b.shape and off < 1e-5):
        sys.exit(f"{what}: {a.shape}, {b.shape}, off by {off}")

x = np.loadtxt("x.csv", delimiter=",").astype(np.float32).astype(np.float64)
END

# CASE arrays: safetensors and NPZ have the tensors that docs/export.md names, with which NumPy predicts the same; folded too
case_arrays() {
    with_python numpy
    nets
    for ((i = 0; i < count; i++)); do
        for end in safetensors npz; do
            run 0 export "m$i.ist" --out "m$i.$end"
            run 0 export "m$i.ist" --out "f$i.$end" --fold-bn
        done
    done
    cat >>nets.py <<'END'
for i in range(int(sys.argv[1])):
    for kind in "mf":
        a, b = safetensors(f"{kind}{i}.safetensors"), dict(np.load(f"{kind}{i}.npz"))
        assert list(a) == list(b), (list(a), list(b))
        for name in a:
            assert a[name].dtype == b[name].dtype and a[name].shape == b[name].shape and (a[name] == b[name]).all(), name
        if kind == "f":
            assert not any(k.startswith(("net.", "norms.")) for k in a if k != "net.activation"), list(a)
        assert [int(v[0]) for k, v in a.items() if k == "net.activation"] == ([[], [1], [3], [], [2], [1]][i]), list(a)
        near(forward(a, x), np.load(f"p{i}.npy"), f"{kind}{i}")
END
    "$python" nets.py "$count" || fail "NumPy sees other nets"
}

# CASE onnx: the checker takes the graphs, and they compute what ist predict does, for one row and for all
case_onnx() {
    with_python numpy,onnx
    nets
    for ((i = 0; i < count; i++)); do
        run 0 export "m$i.ist" --out "m$i.onnx"
        run 0 export "m$i.ist" --out "f$i.onnx" --fold-bn
        run 0 export "m$i.ist" --out "l$i" --format onnx --answer logits
    done
    cat >>nets.py <<'END'
import onnx, onnx.checker, onnx.numpy_helper
try:
    from onnx.reference import ReferenceEvaluator
except ImportError:
    ReferenceEvaluator = None

try:
    import cv2 # Debian's python3-opencv runs graphs; it is not asked for, but where it is, it must agree
except ImportError:
    cv2 = None

def evaluate(model, x):
    """Each node by what Operators.md says of it."""
    value = {t.name: onnx.numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer}
    value["x"] = x
    for node in model.graph.node:
        v = [value[name] for name in node.input]
        a = {k.name: onnx.helper.get_attribute_value(k) for k in node.attribute}
        if node.op_type == "Gemm":
            assert a == {"transB": 1}
            y = v[0] @ v[1].T + (v[2] if len(v) > 2 else 0)
        elif node.op_type == "BatchNormalization":
            y = (v[0] - v[3]) / np.sqrt(v[4] + a["epsilon"]) * v[1] + v[2]
        elif node.op_type == "Softmax":
            assert a["axis"] == 1
            y = softmax(v[0])
        else:
            y = {"Sub": lambda: v[0] - v[1], "Mul": lambda: v[0] * v[1], "Add": lambda: v[0] + v[1], "Relu": lambda: np.maximum(v[0], 0),
                 "Tanh": lambda: np.tanh(v[0]), "Sigmoid": lambda: sigmoid(v[0]), "Identity": lambda: v[0]}[node.op_type]()
        (value[node.output[0]],) = (y,)
    return value[model.graph.output[0].name]

own = [(), ("Mul", "Add", "Sigmoid"), ("Sigmoid", "Mul"), (), ("Tanh",), ()]
for i in range(int(sys.argv[1])):
    want = np.load(f"p{i}.npy")
    for kind, end in (("m", ".onnx"), ("f", ".onnx"), ("l", "")):
        model = onnx.load(f"{kind}{i}{end}")
        onnx.checker.check_model(model, full_check=True)
        assert model.opset_import[0].version == 13 and len(model.opset_import) == 1 and model.ir_version == 7
        for v, width in ((model.graph.input, x.shape[1]), (model.graph.output, want.shape[1])):
            assert len(v) == 1
            dims = v[0].type.tensor_type.shape.dim
            assert dims[0].dim_param == "rows" and dims[1].dim_value == width
        assert model.graph.input[0].name == "x"
        assert model.graph.output[0].name == ("logits" if kind == "l" else "probabilities")
        operators = [n.op_type for n in model.graph.node]
        assert kind != "f" or set(operators) <= {"Sub", "Mul", "Gemm", "Relu", "Softmax", *own[i]}, operators
        assert ("Relu" in operators) == (i in (0, 3)) and all(o in operators for o in own[i]), operators
        assert ("Sub" in operators) == (i not in (1, 3)), operators
        for rows in (x, x[:1]):
            got = evaluate(model, rows)
            near(softmax(got) if kind == "l" else got, want[:len(rows)], f"{kind}{i}")
            if ReferenceEvaluator:
                (got,) = ReferenceEvaluator(model).run(None, {"x": rows.astype(np.float32)})
                near(softmax(got) if kind == "l" else got, want[:len(rows)], f"{kind}{i}, onnx.reference")
            if cv2 and rows is x:
                net = cv2.dnn.readNetFromONNX(f"{kind}{i}{end}")
                net.setInput(rows.astype(np.float32))
                got = net.forward().astype(np.float64)
                near(softmax(got) if kind == "l" else got, want[:len(rows)], f"{kind}{i}, OpenCV")
END
    "$python" nets.py "$count" || fail "ONNX sees other nets"
}

# CASE regressions: graphs of regressions end with targets in their own units, and compute what ist predict does
case_regressions() {
    with_python numpy,onnx
    awk -F, '{ printf "%.5f,%.5f\n", 100 * $1 * $2, 3 - 0.01 * $3 }' x.csv >r.csv
    local words=(train --train x.csv:r.csv --epochs 3 --quiet --hidden 12,7 --subnets 2)
    run 0 "${words[@]}" --loss mse --model m0.ist
    run 0 "${words[@]}" --loss huber --huber-delta 0.5 --norm none --lr 0.01 --model m1.ist
    run 0 "${words[@]}" --loss mse --targets none --lr 0.0001 --model m2.ist
    for i in 0 1 2; do
        run 0 predict "m$i.ist" --data x.csv --out "p$i.npy"
        run 0 export "m$i.ist" --out "m$i.onnx"
        run 0 export "m$i.ist" --out "f$i.onnx" --fold-bn
    done
    cat >>nets.py <<'END'
import onnx, onnx.checker, onnx.numpy_helper
for i in range(3):
    want = np.load(f"p{i}.npy").astype(np.float64)
    for kind in "mf":
        model = onnx.load(f"{kind}{i}.onnx")
        onnx.checker.check_model(model, full_check=True)
        value = {t.name: onnx.numpy_helper.to_array(t).astype(np.float64) for t in model.graph.initializer}
        value["x"] = x
        operators = [n.op_type for n in model.graph.node]
        assert model.graph.output[0].name == "targets" and "Softmax" not in operators, operators
        assert ("Div" in operators) == (kind == "m" and i < 2), operators
        for node in model.graph.node:
            v = [value[name] for name in node.input]
            value[node.output[0]] = {
                "Gemm": lambda: v[0] @ v[1].T + (v[2] if len(v) > 2 else 0), "Relu": lambda: np.maximum(v[0], 0), "Sub": lambda: v[0] - v[1],
                "BatchNormalization": lambda: (v[0] - v[3]) / np.sqrt(v[4] + 1e-5) * v[1] + v[2], "Mul": lambda: v[0] * v[1],
                "Add": lambda: v[0] + v[1], "Div": lambda: v[0] / v[1], "Identity": lambda: v[0]}[node.op_type]()
        near(value["targets"] / abs(want).max(axis=0), want / abs(want).max(axis=0), f"{kind}{i}")
END
    "$python" nets.py || fail "ONNX sees other regressions"
}

# CASE back: what was exported is the same model file again; what NumPy wrote is taken, too
case_back() {
    nets
    for ((i = 0; i < count; i++)); do
        for end in safetensors npz; do
            run 0 export "m$i.ist" --out "m$i.$end"
            run 0 import "m$i.$end" --out back.ist
            cmp "m$i.ist" back.ist || fail "m$i came back otherwise from $end"
            run 0 export "m$i.ist" --out "f$i.$end" --fold-bn --json
            grep -q '"fold_bn":true' out || fail "$(cat out)"
        done
        run 0 import "f$i.npz" --out back.ist --json
        [ $i != 2 ] || grep -q '"activation":"silu"' out || fail "$(cat out)"
        run 0 predict back.ist --data x.csv --out back.npy
        run 0 import "f$i.safetensors" --out other.ist
        cmp back.ist other.ist || fail "two folded models of m$i"
    done
    with_python numpy
    cat >>nets.py <<'END'
np.savez("numpy.npz", **{k: np.ascontiguousarray(v) for k, v in safetensors("m0.safetensors").items()})
np.savez_compressed("packed.npz", **{"layers.0.weight": np.zeros((2, 3), np.float32)})
rng = np.random.default_rng(1)
plain = {"layers.0.weight": rng.normal(size=(5, 8)), "layers.0.bias": rng.normal(size=5),
         "layers.1.weight": rng.normal(size=(3, 5)), "layers.1.bias": rng.normal(size=3)}
np.savez("plain.npz", **{k: v.astype(np.float32) for k, v in plain.items()})
np.savez("double.npz", **plain)
np.save("want.npy", forward({k: v.astype(np.float32) for k, v in plain.items()}, x).astype(np.float32))
END
    "$python" nets.py || fail "no NumPy files"
    run 0 import numpy.npz --out back.ist
    cmp m0.ist back.ist || fail "another model from NumPy's file"
    run 0 import plain.npz --out plain.ist
    run 0 predict plain.ist --data x.csv --out got.npy
    "$python" -c 'import numpy as np; assert abs(np.load("want.npy") - np.load("got.npy")).max() < 1e-5' || fail "other answers"
    run 3 import packed.npz --out no.ist
    grep -q 'savez_compressed' err || fail "$(cat err)"
    run 3 import double.npz --out no.ist
    grep -q 'tensor "layers.0.weight": expected float32' err || fail "$(cat err)"
    [ ! -e no.ist ] || fail "no.ist was written"
}

# CASE subnet: one subnet alone has its share of the neurons, and with statistics of its own it predicts
case_subnet() {
    run 0 train --train x.csv:y.csv --hidden 12,7 --subnets 3 --rounds 4 --seed 7 --quiet --model m.ist --checkpoint c.ist
    local one=(--subnet 1 --seed 7)
    wrong 'subnet: its neurons are those of a round: say --round' export m.ist --out s.onnx --subnet 1
    wrong 'subnet: a narrow net has statistics of its own' export m.ist --out s.onnx "${one[@]}" --round 3
    wrong 'subnet is 3, expected 0 .. 2' export m.ist --out s.npz --subnet 3 --round 3
    wrong 'shares: 2 shares for 3 subnets' export m.ist --out s.npz --subnet 0 --round 3 --subnets 3 --shares 1,2
    [ ! -e s.npz ] && [ ! -e s.onnx ] || fail "a file was written"
    run 0 export m.ist --out s.onnx "${one[@]}" --round 3 --calibrate x.csv --json
    grep -q '"hidden":\[4,2\]' out || fail "$(cat out)"
    run 0 export m.ist --out s.npz "${one[@]}" --round 3
    run 0 import s.npz --out s.ist
    run 2 eval s.ist --data x.csv:y.csv
    run 0 eval s.ist --data x.csv:y.csv --calibrate x.csv
    run 0 export c.ist --out t.npz "${one[@]}" --round 3
    cmp s.npz t.npz || fail "the checkpoint has another subnet than the model"
    run 0 export m.ist --out t.npz "${one[@]}" --round 2
    cmp -s s.npz t.npz && fail "the same subnet in two rounds"
    run 0 export m.ist --out t.npz --subnet 0 --round 3 --shares 4,1,1 --json
    grep -q '"hidden":\[8,5\]' out || fail "$(cat out)"
}

# CASE wrong: wrong command lines and files are told in one line, and nothing is written
case_wrong() {
    run 0 train --train x.csv:y.csv --hidden 4 --subnets 2 --rounds 2 --quiet --model m.ist --checkpoint c.ist
    wrong 'MODEL is missing' export --out a.npz
    wrong 'out is missing' export m.ist
    wrong 'format: "pickle"' export m.ist --out a.npz --format pickle
    wrong 'answer: "labels"' export m.ist --out a.onnx --answer labels
    wrong 'a.bin: its name does not say which format' export m.ist --out a.bin
    wrong 'out: m.ist is MODEL itself' export m.ist --out m.ist --format npz
    wrong 'nosuch/a.npz' export m.ist --out nosuch/a.npz
    wrong 'FILE is missing' import --out a.ist
    wrong 'out is missing' import a.npz
    run 0 export m.ist --out a.npz
    ln a.npz b.npz
    wrong 'out: b.npz is FILE itself' import a.npz --out b.npz
    run 3 export nosuch.ist --out b.onnx
    run 3 export x.csv --out b.onnx
    run 3 import m.ist --out b.ist
    run 3 import x.csv --out b.ist
    head -c 700 a.npz >short.npz
    run 3 import short.npz --out b.ist
    grep -q '^ist import: short.npz: byte 678: NPZ: no end of an archive here' err || fail "$(cat err)"
    gzip -c a.npz >a.npz.gz
    run 3 import a.npz.gz --out b.ist
    grep -q 'unpack it first' err || fail "$(cat err)"
    [ "$(cat out)" = "" ] || fail "$(cat out)"
    [ ! -e b.ist ] && [ ! -e b.onnx ] && [ ! -e a.bin ] || fail "a file was written"
    [ "$(find . -name '*.tmp*')" = "" ] || fail "a temporary file is left"
}

case ${1:-} in
arrays | onnx | regressions | back | subnet | wrong) "case_$1" ;;
*) fail "usage: export.sh arrays|onnx|regressions|back|subnet|wrong" ;;
esac
