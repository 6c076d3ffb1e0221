"""
Saved small, resumed after a kill, served by ONNX
=================================================

A network of 64-500(linear)-100-10 is trained by its eigenvalues in a process that is killed
half-way. Another resumes the fit and saves the model; a third loads it without torch.
Last, the pipeline of a scaler and the network goes to ONNX.
"""

# %%
# A fit that is killed
# --------------------
# ``checkpoint_dir`` keeps each epoch. The process is killed half a second after the first.
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_spectral import SpectralClassifier, load, save
from sklearn_spectral.exceptions import ModelFileError

temporary = tempfile.TemporaryDirectory()
folder = Path(temporary.name)
X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X.astype(np.float32), y, random_state=0)
scaler = StandardScaler().fit(X_train)
Z_train, Z_test = scaler.transform(X_train), scaler.transform(X_test)
np.savez(folder / "data.npz", X=Z_train, y=y_train)
settings = {
    "hidden_layer_sizes": 100,
    "linear_expansion": 500,
    "train_eigenvectors": False,
    "n_members": 1,
    "max_iter": 150,
    "random_state": 0,
}
script = f"""
import numpy as np
from sklearn_spectral import SpectralClassifier, save
data = np.load("data.npz")
model = SpectralClassifier(checkpoint_dir="checkpoints", **{settings})
model.fit(data["X"], data["y"])
save(model, "model.safetensors")
"""
process = subprocess.Popen([sys.executable, "-c", script], cwd=folder)
while not list(folder.glob("checkpoints/*[0-9a-f].safetensors")):
    time.sleep(0.01)
time.sleep(0.5)
process.kill()
print(
    "the process ended with",
    process.wait(),
    "and saved:",
    (folder / "model.safetensors").exists(),
)

start = time.perf_counter()
subprocess.run([sys.executable, "-c", script], cwd=folder, check=True)
print(f"a second one resumed it and saved the model in {time.perf_counter() - start:.1f} s")

# %%
# The same bits as without the kill
# ---------------------------------
model = SpectralClassifier(**settings).fit(Z_train, y_train)
resumed = load(folder / "model.safetensors")
same = all(map(np.array_equal, model.coefs_, resumed.coefs_))
print("the same weights as a fit that was never killed:", same)
print("accuracy:", resumed.score(Z_test, y_test))

# %%
# How large the files are
# -----------------------
mlp = MLPClassifier(100, max_iter=20, random_state=0).fit(Z_train, y_train)
save(model, folder / "compact.safetensors", compact=True)
joblib.dump(model, folder / "model.joblib")
(folder / "mlp.pickle").write_bytes(pickle.dumps(mlp))
print(f"{model.n_parameters_} trained parameters, 7,510 weights and biases when retracted")
names = ["model.safetensors", "compact.safetensors", "model.joblib", "mlp.pickle"]
sizes = [(folder / name).stat().st_size for name in names]
for name, size in zip(names, sizes, strict=True):
    print(f"{name:<20}{size:>8} bytes")

figure, axes = plt.subplots(figsize=(8, 3), layout="constrained")
labels = ["save", "save, compact", "joblib", "MLPClassifier, pickle"]
bars = axes.barh(labels, sizes, color=["C0", "C0", "C0", "0.6"])
axes.bar_label(bars, fmt="{:,.0f}", padding=4)
axes.set(title="64-100-10 in a file", xlabel="bytes", xlim=(0, 1.15 * max(sizes)))
axes.invert_yaxis()
figure.savefig("files.png", dpi=120)
print("Saved files.png")

# %%
# Loaded without torch, and refused when damaged
# ----------------------------------------------
other = """
import sys, numpy as np
from sklearn_spectral import load
load("model.safetensors").predict(np.load("data.npz")["X"])
print("torch imported there:", "torch" in sys.modules)
"""
subprocess.run([sys.executable, "-c", other], cwd=folder, check=True)
data = bytearray((folder / "model.safetensors").read_bytes())
data[5000] ^= 1  # one bit
(folder / "damaged.safetensors").write_bytes(data)
try:
    load(folder / "damaged.safetensors")
except ModelFileError as error:
    print(f"{type(error).__name__}: {error}")

# %%
# Served by ONNX
# --------------
# It needs skl2onnx and a runtime: ``pip install "sklearn-spectral[onnx]" onnxruntime``.
try:
    import onnxruntime

    from sklearn_spectral.export import to_onnx

    served = to_onnx(make_pipeline(scaler, model), X_test)
except ImportError as error:
    print(f"not shown: {error}")
else:
    (folder / "pipeline.onnx").write_bytes(served.SerializeToString())
    session = onnxruntime.InferenceSession(folder / "pipeline.onnx")
    labels, probabilities = session.run(None, {"X": X_test})
    agree = np.mean(labels == model.predict(Z_test))
    difference = np.abs(probabilities - model.predict_proba(Z_test)).max()
    print(
        f"ONNX: {agree:.2%} of the labels agree; probabilities differ by {difference:.1e}"
    )
