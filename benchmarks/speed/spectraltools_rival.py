"""The authors' package, to be run by the Python of its own environment.

    python -m venv tensorflow-env
    tensorflow-env/bin/python -m pip install spectraltools==1.2.0 tensorflow tf_keras \
        tensorflow-model-optimization

`training.py --spectraltools tensorflow-env/bin/python` starts this script, and each line on
its standard input makes it train once.
"""

import os
import sys
import time

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import tensorflow as tf
from spectraltools import Spectral

mnist, hidden, batch_size, n_epochs, threads = sys.argv[1], *map(int, sys.argv[2:])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(threads)
with np.load(mnist) as file:
    X = (file["x_train"].reshape(-1, 784) / 255).astype(np.float32)
    y = file["y_train"].astype(np.int32)
trained = {
    "is_base_trainable": True,
    "is_diag_start_trainable": True,
    "is_diag_end_trainable": True,
    "use_bias": True,
}
model = tf.keras.Sequential(
    [
        tf.keras.layers.Input((784,)),
        Spectral(hidden, activation="relu", **trained),
        Spectral(10, activation="softmax", **trained),
    ]
)
model.compile(
    optimizer=tf.keras.optimizers.Adamax(0.003), loss="sparse_categorical_crossentropy"
)
print(f"answer: tensorflow {tf.__version__}", flush=True)
for _ in sys.stdin:
    start = time.perf_counter()
    model.fit(X, y, batch_size=batch_size, epochs=n_epochs, verbose=0)
    print(f"answer: {(time.perf_counter() - start) / n_epochs}", flush=True)
