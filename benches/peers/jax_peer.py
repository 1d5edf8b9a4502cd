"""JAX on the CPU, everything jitted, doing what `benches/table.rs` does.

The same network, loss and AdamW as `torch_peer.py`; a step with its draws is one compiled
function, and a whole trajectory is one loop on the device.

    python jax_peer.py
"""

import jax
import jax.numpy as jnp
from serve import rate, serve

TURNS = 2 * jnp.pi * jnp.array([0.25 * 64 ** (k / 15) for k in range(16)])


def dense(key, rows, columns):
    bound = (3 / rows) ** 0.5
    return jax.random.uniform(key, (rows, columns), minval=-bound, maxval=bound), jnp.zeros(columns)


def network(width, dim):
    keys = jax.random.split(jax.random.key(0), 5)
    sizes = [(dim, width), (32, width), (width, width), (width, width), (width, dim)]
    return [dense(k, *s) for k, s in zip(keys, sizes)]


def apply(net, x, t):
    (wi, bi), (wt, bt), *hidden, (wo, bo) = net
    phase = t * TURNS
    h = x @ wi + bi + jnp.concatenate([jnp.sin(phase), jnp.cos(phase)], -1) @ wt + bt
    for w, b in hidden:
        h = h + jax.nn.silu(h) @ w + b
    return jax.nn.silu(h) @ wo + bo


def alpha_sigma(s):
    integral = 0.1 * s + 0.5 * 19.9 * s * s
    return jnp.exp(-0.5 * integral), jnp.sqrt(-jnp.expm1(-integral))


def loss(net, x1, t, x0):
    alpha, sigma = alpha_sigma(1 - t)
    return jnp.mean((apply(net, alpha * x1 + sigma * x0, t) - x0) ** 2)


def adamw(k, p, m, v, g):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    direction = m / (1 - 0.9**k) / (jnp.sqrt(v / (1 - 0.999**k)) + 1e-8)
    return p - 1e-3 * (direction + 1e-2 * p), m, v


def train(width, batch, dim, seconds):
    data = jax.random.normal(jax.random.key(1), (4096, dim))

    def one(state, data):
        net, m, v, k, key = state
        key, rows, times, noise = jax.random.split(key, 4)
        x1 = data[jax.random.randint(rows, (batch,), 0, 4096)]
        t, x0 = jax.random.uniform(times, (batch, 1)), jax.random.normal(noise, (batch, dim))
        value, g = jax.value_and_grad(loss)(net, x1, t, x0)
        leaves, tree = jax.tree.flatten(net)
        flat = [jax.tree.leaves(a) for a in (m, v, g)]
        parts = zip(*[adamw(k, *p) for p in zip(leaves, *flat)])
        net, m, v = (jax.tree.unflatten(tree, p) for p in parts)
        return (net, m, v, k + 1, key), value

    net = network(width, dim)
    zeros = jax.tree.map(jnp.zeros_like, net)
    state = (net, zeros, zeros, jnp.float32(1), jax.random.key(2))
    step = jax.jit(one, donate_argnums=0)

    def call():
        nonlocal state
        state, value = step(state, data)
        value.block_until_ready()

    # Donated buffers must not be shared.
    state = jax.tree.map(jnp.copy, state[:2]) + (jax.tree.map(jnp.copy, zeros),) + state[3:]
    return rate(seconds, call)


def sample(width, dim, points, steps, seconds):
    net = network(width, dim)

    @jax.jit
    def draw(net, key):
        def step(k, x):
            t = k / steps
            sigma = alpha_sigma(1 - t)[1]
            v = 0.5 * (0.1 + 19.9 * (1 - t)) * (x - apply(net, x, jnp.full((1, 1), t)) / sigma)
            return x + v / steps

        return jax.lax.fori_loop(0, steps, step, jax.random.normal(key, (points, dim)))

    key = jax.random.key(3)
    return steps * rate(seconds, lambda: draw(net, key).block_until_ready())


def jvp(width, batch, dim, seconds):
    net, t = network(width, dim), jnp.full((1, 1), 0.5)
    x, u = (jax.random.normal(jax.random.key(k), (batch, dim)) for k in (4, 5))
    f = jax.jit(lambda net, x, u: jax.jvp(lambda x: apply(net, x, t), (x,), (u,)))
    return rate(seconds, lambda: jax.block_until_ready(f(net, x, u)))


def divergence(width, batch, dim, seconds):
    net, t = network(width, dim), jnp.full((1, 1), 0.5)
    x = jax.random.normal(jax.random.key(4), (batch, dim))
    basis = jnp.broadcast_to(jnp.eye(dim)[:, None, :], (dim, batch, dim))

    @jax.jit
    def f(net, x):
        along = lambda u: jax.jvp(lambda x: apply(net, x, t), (x,), (u,))[1]
        return jnp.einsum("ibi->b", jax.vmap(along)(basis))

    return rate(seconds, lambda: f(net, x).block_until_ready())


if __name__ == "__main__":
    serve({"train": train, "sample": sample, "jvp": jvp, "divergence": divergence})
