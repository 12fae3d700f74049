"""ist.py - the part of libist that trains, evaluates and predicts, for Python: ctypes and nothing else.

    import ist
    with ist.Context() as context:
        data = context.wrap(x, labels)                  # array.array('f') of rows * features, list of class ids
        model = context.model(features=2, classes=2, hidden=[512], subnets=2)
        trainer = context.trainer(model, data, epochs=60)
        trainer.run()

Keywords are the members of ist_model_config and ist_train_config; what is not given is what IST_.._INIT has.  Failures are
ist.Error, with the line of ist_context_error.  The library is the one that IST_LIBRARY names, else the one the loader finds."""
import array
import ctypes
import ctypes.util
import os
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint64, c_void_p

NORM_NONE, NORM_BATCH = 0, 1
RELU, GELU, TANH, SILU = range(4)
FLOAT32 = 1


class _Struct(ctypes.Structure):
    """struct_size set, other members as `defaults` says; all others 0."""

    defaults = {}

    def __init__(self, **members):
        known = {name for name, _ in self._fields_}
        unknown = set(members) - known
        if unknown:
            raise TypeError(f"{type(self).__name__} has no {', '.join(sorted(unknown))}")
        if "struct_size" in known:
            members["struct_size"] = ctypes.sizeof(self)
        super().__init__(**{**self.defaults, **members})


def _fields(*groups):
    return [(name, kind) for kind, names in groups for name in names.split()]


class ist_model_config(_Struct):
    _fields_ = _fields(
        (c_size_t, "struct_size"),
        (c_int32, "features classes hidden_count hidden_norm"),
        (POINTER(c_int32), "hidden"),
        (c_int32, "output_norm subnets"),
        (c_uint64, "seed"),
        (c_double, "output_scale"),
        (c_int32, "activation loss"),
        (c_double, "huber_delta"),
    )
    defaults = {"hidden_norm": NORM_BATCH, "output_norm": NORM_BATCH, "subnets": 1, "seed": 1, "output_scale": 1.0,
                "huber_delta": 1.0}


class ist_train_config(_Struct):
    _fields_ = _fields(
        (c_size_t, "struct_size"),
        (c_int32, "subnets local_steps batch optimizer state schedule data calibration_batches"),
        (c_double, "epochs"),
        (c_int64, "rounds"),
        (c_double, "lr momentum beta1 beta2 epsilon weight_decay"),
        (c_uint64, "seed"),
        (c_int32, "method balance"),
        (c_double, "repartition_fraction"),
        (c_void_p, "shares"),
        (c_double, "lr_ramp lr_floor lr_step_every lr_step_factor"),
        (c_int32, "local_steps_last full_width_schedule"),
        (c_double, "warmup_epochs full_width_epochs warmup_lr full_width_lr label_smoothing input_dropout hidden_dropout"),
        (c_double, "outer_lr outer_momentum average_from average_decay"),
        (c_int32, "background_saves reserved1"),
        (c_int64, "logits_bytes"),
        (c_int32, "sampled_labels reserved2"),
    )
    defaults = {
        "local_steps": 50, "batch": 128, "optimizer": 1, "schedule": 1, "calibration_batches": 16, "epochs": 20.0,
        "momentum": 0.9, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "seed": 1, "repartition_fraction": 1.0,
        "lr_step_every": 0.25, "lr_step_factor": 0.1, "full_width_schedule": 1, "outer_lr": 1.0, "average_from": 1.0,
    }  # fmt: skip


class ist_evaluation(_Struct):
    _fields_ = _fields(
        (c_size_t, "struct_size"), (c_int64, "rows correct"), (c_double, "accuracy loss seconds flops rmse mae r2")
    )  # fmt: skip


class Error(Exception):
    """status: IST_E_*."""

    def __init__(self, status, line):
        super().__init__(line)
        self.status = status


_library = ctypes.CDLL(os.environ.get("IST_LIBRARY") or ctypes.util.find_library("ist") or "libist.so.0")
_handle, _out = c_void_p, POINTER(c_void_p)
for _name, _result, *_arguments in (
    ("strerror", c_char_p, c_int32),
    ("context_create", c_int32, _out, c_void_p),
    ("context_destroy", None, _handle),
    ("context_error", c_char_p, _handle),
    ("dataset_wrap", c_int32, _handle, _out, c_void_p, c_int32, c_int64, c_int32, c_int64, c_void_p, c_int32),
    ("dataset_destroy", None, _handle),
    ("model_create", c_int32, _handle, _out, POINTER(ist_model_config)),
    ("model_save", c_int32, _handle, c_char_p),
    ("model_destroy", None, _handle),
    ("model_evaluate", c_int32, _handle, _handle, c_void_p, POINTER(ist_evaluation)),
    ("model_predict", c_int32, _handle, _handle, c_void_p, c_void_p),
    ("trainer_create", c_int32, _handle, _out, _handle, _handle, POINTER(ist_train_config)),
    ("trainer_run", c_int32, _handle, c_int64, c_void_p, c_void_p),
    ("trainer_calibrate", c_int32, _handle),
    ("trainer_destroy", None, _handle),
):
    _function = getattr(_library, "ist_" + _name)
    _function.restype, _function.argtypes = _result, _arguments


class Context:
    """What was made from it is destroyed with it, in the order that the library wants."""

    def __init__(self):
        self._handle = None
        self._made = []  # (destroy, handle), oldest first
        handle = c_void_p()
        self.check(_library.ist_context_create(byref(handle), None))
        self._handle = handle

    def __enter__(self):
        return self

    def __exit__(self, *_):
        while self._made:
            destroy, handle = self._made.pop()
            destroy(handle)
        _library.ist_context_destroy(self._handle)
        self._handle = None

    def check(self, status):
        if status:
            line = _library.ist_context_error(self._handle) if self._handle else _library.ist_strerror(status)
            raise Error(status, line.decode())

    def make(self, create, destroy, *arguments):
        handle = c_void_p()
        self.check(create(self._handle, byref(handle), *arguments))
        self._made.append((destroy, handle))
        return handle

    def wrap(self, x, labels=None, classes=None):
        return Dataset(self, x, labels, classes)

    def model(self, hidden=(), **config):
        widths = (c_int32 * max(1, len(hidden)))(*hidden)
        net = ist_model_config(hidden=widths, hidden_count=len(hidden), **config)
        return Model(self, self.make(_library.ist_model_create, _library.ist_model_destroy, byref(net)), net.classes)

    def trainer(self, model, data, **config):
        return Trainer(self, model, data, ist_train_config(**config))


class Dataset:
    """x: rows, each as many floats as another; a buffer of C floats goes to the library as it is, with rows told by labels."""

    def __init__(self, context, x, labels, classes):
        self.rows = len(labels) if labels is not None else len(x)
        if not isinstance(x, array.array):
            x = array.array("f", (value for row in x for value in row))
        self.features = len(x) // self.rows
        self.x = x  # borrowed by the library: kept alive here
        self.labels = (c_int32 * self.rows)(*labels) if labels is not None else None
        if labels is None:
            classes = 0
        elif classes is None:
            classes = max(labels) + 1
        self.handle = context.make(
            _library.ist_dataset_wrap, _library.ist_dataset_destroy, x.buffer_info()[0], FLOAT32, self.rows, self.features,
            self.features * x.itemsize, self.labels, classes,
        )  # fmt: skip


class Model:
    def __init__(self, context, handle, classes):
        self.context, self.handle, self.classes = context, handle, classes

    def evaluate(self, data):
        result = ist_evaluation()
        self.context.check(_library.ist_model_evaluate(self.handle, data.handle, None, byref(result)))
        return result

    def predict(self, data):
        """A list of one list of class probabilities a row."""
        out = (c_float * (data.rows * self.classes))()
        self.context.check(_library.ist_model_predict(self.handle, data.handle, None, out))
        return [out[i : i + self.classes] for i in range(0, len(out), self.classes)]

    def save(self, path):
        self.context.check(_library.ist_model_save(self.handle, os.fsencode(path)))


class Trainer:
    def __init__(self, context, model, data, config):
        self.context, self.model, self.data = context, model, data
        self.handle = context.make(
            _library.ist_trainer_create, _library.ist_trainer_destroy, model.handle, data.handle, byref(config)
        )

    def run(self, rounds=0):
        self.context.check(_library.ist_trainer_run(self.handle, rounds, None, None))

    def calibrate(self):
        self.context.check(_library.ist_trainer_calibrate(self.handle))
