"""Attributes that are not there: what other libraries call by that name, and what it is called here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from drivetrain.errors import InputError, did_you_mean
from drivetrain.settings import shown

_JUDGE = "learn.validate() for the validation set, learn.test() for the sealed test set"
_ANSWERS = "learn.predictions(), what it says of all validation rows, or learn.predict(picture)"
_SHAPES = "learn.fine_tune(epochs=4): it freezes, unfreezes and picks rates by itself"
_CHANCES = "model.predict(picture).top, pairs of label and probability"
_LABELS = "model.target.vocab"
_SAVED = "learn = dt.Learner.load(folder), which trains on; dt.load(folder) only answers"
_ROWS = "data.train and data.valid, sequences of rows; training makes batches of them by itself"
_TRAINED = "dt.train(dt.table(rows, target='column'), budget='2min')"
_FOUND = "learn.report(), learn.plot_confusion(), learn.plot_top_losses()"
MODULE: Mapping[str, str] = {
    **dict.fromkeys(("YOLO", "cnn_learner", "vision_learner"), "dt.Learner(data, 'resnet18')"),
    **dict.fromkeys(("ImageDataLoaders", "ImageFolder", "data", "image_dataset_from_directory"), "dt.images(folder)"),
    **dict.fromkeys(("DataBlock", "DataLoader", "DataLoaders"), "dt.images(folder) or dt.images([(path, label), ...])"),
    **dict.fromkeys(("TabularDataLoaders", "TabularPandas", "DMatrix"), "dt.table(rows, target='column')"),
    **dict.fromkeys(("tabular_learner", "TabularPredictor", "AutoML"), _TRAINED),
    **dict.fromkeys(("TextDataLoaders", "text_classifier_learner"), "dt.texts(rows, target='column')"),
    **dict.fromkeys(("accuracy", "accuracy_score", "error_rate"), "dt.Learner(data, metrics=['accuracy', 'f1'])"),
    **dict.fromkeys(("RandomSplitter", "train_test_split"), "dt.images(folder, valid_pct=0.2, test_pct=0.2)"),
    **dict.fromkeys(("Resize", "aug_transforms"), "dt.Learner(data, 'resnet18', size=224, augment=True)"),
    **dict.fromkeys(("ClassificationInterpretation", "Interpretation"), _FOUND),
    **dict.fromkeys(("KFold", "cross_val_score"), "dt.cross_validate(...)"),
    **dict.fromkeys(("GridSearchCV", "HalvingGridSearchCV"), "dt.tune(...)"),
    "load_learner": "dt.load(path) to predict, dt.Learner.load(path) to train on",
    "load_model": "dt.load(path)",
    "predict": "dt.load(path).predict(picture)",
    "save": "dt.Learner(data, 'resnet18').fine_tune(4).save(folder)",
    **dict.fromkeys(("fine_tune", "fit"), "dt.Learner(data, 'resnet18').fine_tune(4)"),
}
LEARNER: Mapping[str, str] = {
    **dict.fromkeys(("lr_find", "lr_finder", "tune_lr"), "learn.find_lr()"),
    **dict.fromkeys(("fit_one_cycle", "fit_flat_cos", "fit_sgdr", "fit_generator", "train", "fit_transform"), _SHAPES),
    **dict.fromkeys(("freeze_to", "unfreeze_to"), "learn.fine_tune(epochs=4, unfreeze=0.5)"),
    **dict.fromkeys(("export", "save_model", "save_weights", "save_pretrained", "to_onnx"), "learn.save(folder)"),
    **dict.fromkeys(("load_model", "load_weights", "load_encoder"), _SAVED),
    **dict.fromkeys(("dls", "dataloaders", "dbunch", "databunch"), "learn.data"),
    **dict.fromkeys(("recorder", "log_history", "history_"), "learn.history, and learn.plot_losses()"),
    **dict.fromkeys(("get_preds", "predict_proba", "predict_generator", "decision_function"), _ANSWERS),
    **dict.fromkeys(("evaluate", "score", "eval"), _JUDGE),
    **dict.fromkeys(("plot_confusion_matrix", "confusion_matrix"), "learn.plot_confusion()"),
    **dict.fromkeys(("interpret", "interpretation", "most_confused"), "learn.report(), or learn.plot_confusion()"),
    **dict.fromkeys(("top_losses", "plot_top"), "learn.plot_top_losses()"),
    **dict.fromkeys(("show_preds", "show_predictions"), "learn.show_results()"),
    **dict.fromkeys(("plot_history", "plot_loss", "plot_metrics"), "learn.plot_losses()"),
    **dict.fromkeys(("model", "net", "module"), "learn.network"),
    **dict.fromkeys(("summary", "named_steps"), "print(learn), or learn.look_inside()"),
    **dict.fromkeys(("loss_func", "loss_fn", "criterion"), "learn.loss"),
    **dict.fromkeys(("classes_", "classes", "vocab"), "learn.data.target.vocab"),
    **dict.fromkeys(("cbs", "add_cb", "add_cbs"), "dt.Learner(..., callbacks=[...]); learn.callbacks holds them"),
    **dict.fromkeys(("opt", "optimizer", "opt_func"), "nothing: AdamW trains, at a rate that rises and falls"),
    **dict.fromkeys(("compile", "build"), "nothing: loss and metrics follow from the data"),
    **dict.fromkeys(("to_fp16", "to_bf16", "to_fp32", "half", "bfloat16"), "dt.Learner(..., precision='bf16')"),
    **dict.fromkeys(("cuda", "cpu", "to"), "dt.Learner(..., device='cuda')"),
    **dict.fromkeys(("tta", "predict_tta"), _ANSWERS),
    "partial_fit": "learn.fit(1) to train on; dt.update(model, new_data) with new data, keeping what it knew",
    "lr": "learn.fine_tune(epochs=4, lr=0.002)",
    "transform": "learn.predict_rows(learn.data.valid)",
    **dict.fromkeys(("get_params", "set_params", "best_params_"), "learn.settings and learn.decisions"),
}
DATA: Mapping[str, str] = {
    **dict.fromkeys(("train_ds", "train_dl", "dataloaders", "dls", "loaders", "train_dataset"), _ROWS),
    **dict.fromkeys(("valid_ds", "valid_dl", "val_ds", "val_dl", "one_batch", "items", "X", "y", "df", "data"), _ROWS),
    **dict.fromkeys(("test_ds", "test_dl", "test"), "learn.test(): the test set is sealed until then"),
    **dict.fromkeys(("classes", "classes_", "vocab", "class_names", "categories"), "data.target.vocab"),
    **dict.fromkeys(("c", "n_classes", "num_classes"), "len(data.target.vocab)"),
    **dict.fromkeys(("show_batch", "show"), "dt.Learner(data, 'resnet18').show_batch()"),
    **dict.fromkeys(("shape", "describe", "info", "head", "count"), "print(data), len(data.train) and len(data.valid)"),
    **dict.fromkeys(("bs", "batch_size"), "dt.Learner(data, recipe=dt.Recipe(batch_size=16))"),
    **dict.fromkeys(("split_by_rand_pct", "train_test_split"), "dt.images(..., valid_pct=0.2, test_pct=0.2)"),
}
PREDICTOR: Mapping[str, str] = {
    **dict.fromkeys(("predict_proba", "probabilities", "decision_function", "get_preds"), _CHANCES),
    **dict.fromkeys(("predict_batch", "predict_all", "transform", "predict_folder"), "model.predict_many(folder)"),
    **dict.fromkeys(("classes_", "classes", "vocab", "labels", "names"), _LABELS),
    **dict.fromkeys(("score", "evaluate", "validate"), "dt.Learner.load(folder).validate()"),
    **dict.fromkeys(("fit", "fine_tune", "train", "partial_fit"), _SAVED),
    **dict.fromkeys(("model", "net", "network", "session"), "model.engine, which computes the answers"),
    **dict.fromkeys(("dls", "data", "n_features_in_", "feature_names_in_", "metadata"), "model.manifest"),
    **dict.fromkeys(("save", "export"), "nothing: the folder it was loaded from is the model"),
    **dict.fromkeys(("eval", "cuda", "cpu", "to", "half"), "nothing: it is ready to answer"),
}
PREDICTION: Mapping[str, str] = {
    **dict.fromkeys(("probabilities", "probs", "scores", "proba", "logits", "predictions"), "answer.top"),
    **dict.fromkeys(("confidence", "score", "prob", "conf"), "answer.probability"),
    **dict.fromkeys(("class_", "class_name", "pred", "prediction", "category", "argmax"), "answer.label"),
    **dict.fromkeys(("to_dict", "tolist", "json", "dict", "numpy"), "answer.as_json()"),
}


class Told:
    """A class of which an attribute that is not there is told with the one that was meant.

    Args:
        elsewhere: What other libraries call it → what to write here; None takes that of the class above.

    Example:
        >>> class Cake(Told, elsewhere={"gateau": "cake.slice()"}):
        ...     def slice(self) -> str:
        ...         return "a slice"
        >>> Cake().gateau
        Traceback (most recent call last):
        AttributeError: 'Cake' object has no attribute 'gateau'. To fix: write cake.slice().
        >>> Cake().slise
        Traceback (most recent call last):
        AttributeError: 'Cake' object has no attribute 'slise'. Did you mean 'slice'?
    """

    known_elsewhere: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def __init_subclass__(cls, *, elsewhere: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init_subclass__(**more)
        if elsewhere is not None:
            cls.known_elsewhere = elsewhere

    if not TYPE_CHECKING:  # else a type checker would believe every name

        def __getattr__(self, name: str) -> Any:
            """Asked only where the usual way found nothing."""
            if hasattr(type(self), name):  # a property that failed: its own error, not one about its name
                return object.__getattribute__(self, name)
            raise AttributeError(_said(self, name))


def _said(owner: Told, name: str) -> str:
    said = f"{type(owner).__name__!r} object has no attribute {name!r}"
    if name.startswith("_"):  # asked by tools, which look whether it is there
        return said
    meant = type(owner).known_elsewhere.get(name)
    if meant is not None:
        reason = meant.removeprefix("nothing: ")
        return f"{said}. To fix: {f'leave it out; {reason}' if reason != meant else f'write {meant}'}."
    public = [each for each in dir(owner) if not each.startswith("_")]
    near = did_you_mean(name, public)
    return f"{said}.{near}" if near else said


class OneAnswer(Told, elsewhere=PREDICTION):
    """An answer with names, which another library would give as a tuple."""

    if not TYPE_CHECKING:

        def __getitem__(self, at: Any) -> Any:
            raise InputError(
                f"an answer was taken for a list, or unpacked ([{at!r}]): expected one of its names. To fix: write "
                "answer.label, answer.probability, or answer.top for pairs of label and probability."
            )


class OneModel(Told, elsewhere=PREDICTOR):
    """A model that answers by its methods, which another library would call as a function."""

    if not TYPE_CHECKING:

        def __call__(self, *given: Any, **settings: Any) -> Any:
            """Refused: which of its methods is meant, a call does not say."""
            raise InputError(
                f"a model was called as a function, with {', '.join(map(shown, given)) or 'nothing'}: expected one of "
                "its methods. To fix: write model.predict(picture).label, or model.predict_many(folder) for many."
            )
