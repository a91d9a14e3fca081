"""Attacks: what they recover from the released files alone.

An attack is one step or several (instahide/attacks/recipe.py). What each step but the last
leaves is kept in `results/{challenge}/steps/`, under the names of the choices that led to it,
so that attacks which begin alike share it; the last fills
`results/{challenge}/attacks/{attack}/`, which workflow/rules/scores.smk scores.
"""


wildcard_constraints:
    trail=one_of({os.path.dirname(file) for file in STEPS}),
    product=one_of({os.path.basename(file) for file in STEPS}),


rule step:
    """Run one step of an attack, from what the step before it left."""
    input:
        sample_digest,
        ancient(f"{CHALLENGE}/challenge.json"),  # only to tell its own pool from others
        before=left_before,
        others=other_arrays,
        encryption=f"{CHALLENGE}/encryption.npy",
        label=f"{CHALLENGE}/label.npy",
    output:
        f"{CHALLENGE}/steps/{{trail}}/{{product}}",
        f"{CHALLENGE}/steps/{{trail}}/{{product}}.json",
    log:
        f"{CHALLENGE}/steps/{{trail}}/{{product}}.log",
    threads: lambda w: step_of(w).resources.threads
    resources:
        mem_mb=lambda w, attempt: step_of(w).resources.memory_mb * attempt,
        runtime=lambda w, attempt: step_of(w).resources.minutes * attempt,
    params:
        code=step_code,
        attack=recipe,
        part=part_of,
        seen=seen,
    message:
        "Make {wildcards.product} of {wildcards.challenge} ({wildcards.trail})"
    script:
        "../scripts/step.py"


use rule step as attack with:
    input:
        sample_digest,
        pool_digest,
        ancient(f"{CHALLENGE}/challenge.json"),
        secrets_seen,
        before=left_before,
        others=other_arrays,
        encryption=f"{CHALLENGE}/encryption.npy",
        label=f"{CHALLENGE}/label.npy",
    output:
        f"{ATTACK}/decryption.npy",
        f"{ATTACK}/attack.json",
    log:
        f"{CHALLENGE}/logs/attack-{{attack}}.log",
    wildcard_constraints:
        attack=one_of(ATTACKS),
    params:
        code=step_code,
        attack=recipe,
        seen=seen,
        pool=pool_store,
    message:
        "Attack {wildcards.challenge} ({wildcards.attack})"
