"""What rules ask of the configuration, one function for each thing; no rules."""

# Where things are made.
PUBLIC = "results/public/{pool}"
PRIVATE = "results/private/{set}"
CHALLENGE = "results/{challenge}"
ATTACK = f"{CHALLENGE}/attacks/{{attack}}"
SAMPLES = "results/samples"
DATA = "results/data/{data}"
TRAINING = "results/training/{training}"
RUN = f"{TRAINING}/{{run}}"
AUDIT = "results/audits/{audit}"
# Which of the folders of photos that come with installed packages.
BUNDLED = {"public": "public", "private": "private", "data": "private"}


def one_of(names):
    """A pattern that only these names match, and nothing where there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def code(script, *libraries):
    """The digest of a script's meaning, see instahide/codehash.py."""
    return code_digest(f"{workflow.basedir}/workflow/scripts/{script}.py", libraries)


# Names of the challenges and trainings that are points of sweeps.
SWEPT = {
    kind: {point[key] for sweep in config["sweeps"].values() for point in sweep["points"]}
    for kind, key in (("challenges", "challenge"), ("training", "training"))
}


def challenge_of(wildcards):
    return config["challenges"][wildcards.challenge]


def listed(kind):
    """The challenges or trainings that stand for themselves, and are no points of sweeps.

    Points make the table of their sweep; what else can be made of them is made by name.
    """
    return {name: given for name, given in config[kind].items() if name not in SWEPT[kind]}


def image_of(kind, name):
    """What the images of a pool or private set have in common; sweeps go over sizes."""
    given = config[kind][name]
    return config["image"] | ({"size": given["size"]} if "size" in given else {})


def growing(first):
    """A resource that grows with each attempt, where the profile retries.

    First values suit shards of 10,000 photos and 2.5 million rows; docs/cluster.md says
    what was measured.
    """
    return lambda wildcards, attempt: first * attempt


def pool_digest(wildcards):
    """The digest of a challenge's pool; nothing for the schemes without public images."""
    pool = challenge_of(wildcards).get("public")
    return f"results/public/{pool}/pool.zarr.sha256" if pool else []


def pool_store(wildcards):
    pool = challenge_of(wildcards).get("public")
    return f"results/public/{pool}/pool.zarr" if pool else None


def encoding(wildcards):
    """The encoding of a challenge, as `EncodingChoice` takes it."""
    return asdict(encoding_of(challenge_of(wildcards)))


def with_encoding(script, *libraries):
    """The digest of a script that makes the challenge's encoding, and of that."""

    def digests(wildcards):
        chosen = encoding_of(challenge_of(wildcards))
        jpeg = "jpeg" in chosen.options.get("treatment", "") and chosen.name == INSTAHIDE
        used = [*libraries, *(["opencv-python-headless"] if jpeg else [])]
        return code(script, *used) + code_digest(module_file(chosen.target))

    return digests


def other_arrays(wildcards):
    """What an encoding releases besides `encryption.npy` and labels."""
    names = challenge_of(wildcards)["arrays"]
    return [f"results/{wildcards.challenge}/{name}.npy" for name in names]


def notice(wildcards):
    """What the page for participants says beyond the challenge's files, as `Notice` takes it."""
    given = challenge_of(wildcards)
    told = {"name": wildcards.challenge, "licence": given.get("licence", "")}
    if "intake" in given:
        intake = given["intake"]
        told |= {key: intake[key] for key in ("deadline", "per_day") if key in intake}
        # Not what the key says now: a release stays what it is when the final board is made.
        told["public_half"] = True
    return told


def shards(pattern):
    """All shards of a pool's stage."""
    return lambda wildcards: expand(
        pattern,
        pool=wildcards.pool,
        shard=range(config["public"][wildcards.pool]["shards"]),
    )


# ---- sources


def downloaded(kind, name):
    """The place of a source that is downloaded, once for all that read the same."""
    source = config[kind][name]["source"]
    name = next(other for other, given in config[kind].items() if given["source"] == source)
    if "url_list" in source:
        return f"results/downloads/lists/{kind}/{name}"
    return f"results/downloads/{kind}/{name}/{PurePosixPath(urlsplit(source['url']).path).name}"


def source_of(kind, name):
    """The folder or archive that a source's images are read from."""
    source = config[kind][name]["source"]
    if "bundled" in source:
        return f"{SAMPLES}/{BUNDLED[kind]}"
    if "data" in source:
        return f"results/data/{source['data']}/labelled.npz"
    return source.get("path") or downloaded(kind, name)


def input_of(kind, name):
    """What a source's readers wait for. A folder of the user's is watched by `inventory`."""
    source = config[kind][name]["source"]
    if "bundled" in source:
        return f"{SAMPLES}/{BUNDLED[kind]}.sha256"
    if "url_list" in source:
        return downloaded(kind, name) + ".sha256"
    path = source_of(kind, name)
    return [] if Path(path).is_dir() else path


def inventory_of(kind, name):
    """Names and sizes of a user's own folder, so that a changed one is noticed."""
    path = config[kind][name]["source"].get("path")
    return inventory(path) if path and Path(path).is_dir() else ""


def in_storage(wildcards):
    """An archive in an S3 store, which Snakemake's plugin fetches; see docs/cluster.md."""
    url = config[wildcards.kind][wildcards.name]["source"].get("url", "")
    return storage(url) if url.startswith("s3://") else []


def photo_source(wildcards):
    return source_of("public", wildcards.pool)


def photo_input(wildcards):
    return input_of("public", wildcards.pool)


def photo_inventory(wildcards):
    return inventory_of("public", wildcards.pool)


def private_source(wildcards):
    return source_of("private", wildcards.set)


def private_input(wildcards):
    return input_of("private", wildcards.set)


def private_inventory(wildcards):
    return inventory_of("private", wildcards.set)


def data_source(wildcards):
    return source_of("data", wildcards.data)


def data_input(wildcards):
    return input_of("data", wildcards.data)


def data_inventory(wildcards):
    return inventory_of("data", wildcards.data)


def crop_settings(wildcards):
    """The keys of a pool that make its `CropSettings`."""
    pool = config["public"][wildcards.pool]
    return {
        "per_photo": pool["crops_per_photo"],
        "smallest": pool["crop_size"][0],
        "largest": pool["crop_size"][1],
        "channels": config["image"]["channels"],
    }


def crops_folder(wildcards):
    """Where a pool's crops are; pools of other sizes have those of the pool they are of."""
    pool = config["public"][wildcards.pool].get("crops_of", wildcards.pool)
    return f"results/public/{pool}/crops"


def crops_output(path):
    """A shard's crops, dropped after the filter unless the configuration keeps them."""
    return directory(path) if config["keep_crops"] else temp(directory(path))


# ---- attacks


# Every attack by its name, and every job of a step by the file that it leaves: of several
# attacks, where they begin alike.
ATTACKS = {name: attack_of(name, config["attacks"]) for name in [*TAKEN, *config["attacks"]]}
STAGED = [name for name in config["attacks"] if len(ATTACKS[name].steps) > 1]
STEPS = {}
for attack in ATTACKS.values():
    for file, number, part in attack.jobs():
        STEPS.setdefault(file, []).append((attack, number, part))


def job_of(wildcards):
    """The attack, the number of the step, and the part of it, that wildcards speak of."""
    if "attack" in wildcards.keys():
        attack = ATTACKS[wildcards.attack]
        return attack, len(attack.steps) - 1, None
    made_by = encoding_of(challenge_of(wildcards)).name
    jobs = STEPS[f"{wildcards.trail}/{wildcards.product}"]
    return next((job for job in jobs if job[0].suits(made_by)), jobs[0])


def step_of(wildcards):
    """The step that wildcards speak of."""
    attack, number, _ = job_of(wildcards)
    return attack.steps[number]


def part_of(wildcards):
    """Number and count of the parts, of a step that has parts."""
    _, _, part = job_of(wildcards)
    return None if part is None else (part, step_of(wildcards).parts)


def recipe(wildcards):
    """What a job is told of its attack: the steps until its own."""
    attack, number, _ = job_of(wildcards)
    return attack.until(number)


def left_before(wildcards):
    """The files that the steps before left for this one."""
    attack, number, _ = job_of(wildcards)
    files = attack.left_before(number)
    return [f"results/{wildcards.challenge}/steps/{file}" for file in files]


def step_code(wildcards):
    """The digest of what runs a step, of its function's module and its view's."""
    attack, number, _ = job_of(wildcards)
    targets = [attack.steps[number].choice.target, attack.view]
    files = {module_file(target) for target in targets if target}
    digests = [code_digest(file) for file in sorted(files)]
    return "".join([code("step", "numpy", "scipy"), *digests])


def secrets_seen(wildcards):
    """The secret files of a challenge, for the baselines that see them."""
    names = ("truth.npz", "private.npz", "seed") if job_of(wildcards)[0].secrets else ()
    return [f"results/{wildcards.challenge}/secret/{name}" for name in names]


def sample_store(wildcards):
    """The public photos that an attacker has, if any: of his own, or the challenge's pool."""
    public = job_of(wildcards)[0].public
    if public == "pool":
        return pool_store(wildcards)
    sample = challenge_of(wildcards).get("public_sample")
    return f"results/public/{sample}/pool.zarr" if sample and public == "sample" else None


def sample_digest(wildcards):
    """The digest of those photos."""
    store = sample_store(wildcards)
    return f"{store}.sha256" if store else []


def seen(wildcards):
    """What `seen.load_seen` needs; all of it is public, but for baselines."""
    given, (attack, _, _) = challenge_of(wildcards), job_of(wildcards)
    private, image = config["private"][given["private"]], image_of("private", given["private"])
    shape = [image["size"], image["size"], image["channels"]]
    chosen = encoding_of(given)
    known = {**chosen.options, "image_shape": shape} if chosen.name == INSTAHIDE else None
    return {
        "challenge": f"results/{wildcards.challenge}",
        "about": known,  # None: what challenge.json tells
        "image_count": private["images"],
        "public": sample_store(wildcards),
        "labels": attack.labels,
        "knows_pool": attack.public == "pool",
        "secrets": attack.secrets,
        **pool_share(given, attack),
    }


def pool_share(challenge, attack):
    """The share of the pool that an attack is given, where it is not all of it."""
    share = challenge.get("pool_known", 1)
    return {"pool_share": share} if attack.public == "pool" and share != 1 else {}


# ---- scores


def baseline_records(wildcards):
    """The records of the baselines that suit a challenge's encoding."""
    chosen = encoding_of(challenge_of(wildcards)).name
    suited = [name for name in BASELINES if ATTACKS[name].suits(chosen)]
    return [f"results/{wildcards.challenge}/attacks/{name}/record.json" for name in suited]


def package_files(pattern):
    """Files of the package that rules read besides its modules, which `code` knows.

    A clone that is moved keeps their names, and so re-runs nothing.
    """
    found = sorted((ROOT / "instahide").glob(pattern))
    inside = ROOT.resolve() == Path.cwd().resolve()
    return [os.path.relpath(path) if inside else str(path) for path in found]


def secrets(*names):
    """The secret files of a challenge by name."""
    return {
        name: f"{CHALLENGE}/secret/{name}{'' if name == 'seed' else '.npz'}" for name in names
    }


def of_attacks(file):
    """A file of every attack that is configured for a challenge."""
    return lambda wildcards: [
        f"results/{wildcards.challenge}/attacks/{attack}/{file}"
        for attack in challenge_of(wildcards)["attacks"]
    ]


def staged(file):
    """A file of every configured attack of several steps, on every challenge."""
    return [
        f"results/{challenge}/attacks/{attack}/{file}"
        for challenge, given in listed("challenges").items()
        for attack in given["attacks"]
        if attack in STAGED
    ]


def attacked(file):
    """A file of every challenge that has such an attack."""
    return [
        f"results/{challenge}/{file}"
        for challenge, given in listed("challenges").items()
        if any(attack in STAGED for attack in given["attacks"])
    ]


def submissions(*suffixes):
    """The records of submissions or the decryptions beside them, see docs/scoring.md."""

    def found(wildcards):
        paths = (path for path in submitted_to(wildcards).glob("*") if path.suffix in suffixes)
        return sorted(str(path) for path in paths if path.with_suffix(".json").exists())

    return found


def handed_in(wildcards):
    """What was handed in and has no record beside it, see docs/intake.md.

    Files whose names are no plain text are taken in with the others, and not waited for.
    """
    paths = IntakeFolder(submitted_to(wildcards)).handed_in()
    return [str(path) for path in paths if not UNFIT.search(path.name)]


def submitted_to(wildcards):
    return Path(f"results/{wildcards.challenge}/submissions")


def records_taken_in(folder):
    """The records of what is, or ever was, taken in; nothing where nothing was."""
    known = IntakeFolder(folder)
    return [str(known.told / "records.json")] if known.log.exists() or known.handed_in() else []


def intake_rules(wildcards):
    """The rules of a challenge's intake, as `Rules` takes them."""
    given = dict(challenge_of(wildcards).get("intake", {}))
    return given | {"board": "public" if given.pop("public_half", True) else "all"}


def curves():
    """The curves of every sweep that attacks something."""
    return [
        f"results/sweeps/{name}/curves"
        for name, sweep in config["sweeps"].items()
        if any(point["attacks"] for point in sweep["points"])
    ]


def planes():
    """Privacy against utility of every sweep that trains, plainly and on what is attacked."""
    found = []
    for name, sweep in config["sweeps"].items():
        points = [point for point in sweep["points"] if point["training"]]
        trained = {config["training"][point["training"]]["encoding"] for point in points}
        if UNENCRYPTED in trained and any(point["attacks"] for point in points):
            found.append(f"results/sweeps/{name}/plane.png")
    return found


def of_configuration():
    """What the names of reports end in: nothing for config/config.yaml, as in the Makefile."""
    last = Path(workflow.configfiles[-1]) if workflow.configfiles else Path("config.yaml")
    return "" if last.stem == "config" else f"-{last.stem}"


OF_CONFIGURATION = of_configuration()
PIPELINE = f"{workflow.basedir}/docs/pipeline.svg"


def pictures_of_page():
    """The curves and planes that a report shows by their titles, and last the pipeline."""
    found = {f"Sweep {Path(path).parent.name}": path for path in curves()}
    for path in planes():
        found[f"Sweep {Path(path).parent.name}: what leaks, and what it costs"] = path
    return found | {"pipeline": PIPELINE}


def overviewed(*files):
    """Some files of every challenge in the overview."""
    return [f"results/{name}/{file}" for name in listed("challenges") for file in files]


def overviewed_attacks(file):
    """A file of every attack on the challenges in the overview."""
    return [
        f"results/{name}/attacks/{attack}/{file}"
        for name, given in listed("challenges").items()
        for attack in given["attacks"]
    ]


def overviewed_submissions(wildcards):
    """The records of submissions to the challenges in the overview."""
    folders = [Path(f"results/{name}/submissions") for name in listed("challenges")]
    by_hand = sorted(str(path) for folder in folders for path in folder.glob("*.json"))
    return by_hand + [file for folder in folders for file in records_taken_in(folder)]


def pictures(wildcards):
    """The figures of all challenges that have attacks."""
    for challenge, given in listed("challenges").items():
        for attack in given["attacks"]:
            yield f"results/{challenge}/attacks/{attack}/gallery.png"
        if given["attacks"]:
            yield f"results/{challenge}/ssim.png"
    if any(given.get("augmentation") for given in listed("challenges").values()):
        yield "results/protection.png"


# ---- training


def split_settings(wildcards):
    """What `make_split` is told of labelled images."""
    given, image = config["data"][wildcards.data], config["image"]
    return {
        "shape": [image["size"], image["channels"]],
        "how": given["split"],
        "counts": [given.get("train"), given.get("test")],
        "seed": given["seed"],
    }


def training_given(wildcards):
    return config["training"][wildcards.training]


def training(wildcards):
    """What a run trains, as `Training.of` takes it."""
    return asdict(training_of(training_given(wildcards), int(wildcards.run)))


def training_files(wildcards):
    """The files of a run, by the names of `training.running.Files`."""
    given, name = training_given(wildcards), wildcards.training
    files = {
        "data": f"results/data/{given['data']}/labelled.npz",
        "seed": f"results/training/{name}/secret/seed",
    }
    if "public" in given and given["encoding"] != UNENCRYPTED:
        files["pool"] = f"results/public/{given['public']}/pool.zarr"
    if given["record"]:
        files["seen"] = f"results/training/{name}/seen"
        files["private"] = f"results/private/training/{name}/private.npz"
    return files


def training_input(wildcards):
    """What a run waits for: a pool by its digest, the recorded rows by their files."""
    files = training_files(wildcards)
    found = [files[name] for name in ("data", "seed", "private") if name in files]
    found += [f"{files['pool']}.sha256"] if "pool" in files else []
    found += [
        f"{files['seen']}/{name}.npy" for name in ("encryption", "label") if "seen" in files
    ]
    return found


def with_training(script):
    """The digest of a script that trains, of the network and of the encoding."""

    def digests(wildcards):
        made = training_of(training_given(wildcards))
        targets = [made.network.target]
        targets += [made.encoding.target] if made.encoding else []
        files = {module_file(target) for target in targets}
        # Without PyTorch the job says so in a sentence.
        libraries = ["torch"] if find_spec("torch") else []
        return code(script, *libraries) + "".join(map(code_digest, sorted(files)))

    return digests


def trained(file):
    """A file of all runs, training by training; those of sweeps are not among them."""
    return [
        f"results/training/{name}/{seed}/{file}"
        for name, given in listed("training").items()
        for seed in given["seeds"]
    ]


# ---- sweeps


def sweep_points(wildcards):
    """The points of a sweep, as `sweeptable.save_sweep_table` takes them."""
    return config["sweeps"][wildcards.sweep]["points"]


def point_files(wildcards):
    """What a sweep's table is made from: manifests, records and accuracies of its points."""
    for point in sweep_points(wildcards):
        challenge, training = point["challenge"], point["training"]
        if training:
            yield f"results/training/{training}/{point['seed']}/accuracy.json"
        if challenge:
            yield f"results/{challenge}/challenge.json"
        for attack in point["attacks"]:
            yield f"results/{challenge}/attacks/{attack}/record.json"


# ---- audits


# How every audit encrypts and measures.
AUDITS = {name: settings_of(given) for name, given in config["audits"].items()}


def audit_of(wildcards):
    return config["audits"][wildcards.audit]


def is_sample(folder):
    """Tell whether a folder is that of the photos that come along, which a rule makes."""
    return os.path.abspath(folder) == os.path.abspath(f"{SAMPLES}/{BUNDLED['private']}")


def audit_input(wildcards):
    """What reading the images of an audit waits for; a folder of the user's is watched."""
    folder = audit_of(wildcards)["images"]
    return f"{folder}.sha256" if is_sample(folder) else []


def own_inventory_of(audit):
    """What tells a changed folder of images; see `audit_input` for those that come along."""
    folder = config["audits"][audit]["images"]
    return "" if is_sample(folder) else own_inventory(folder)


def public_inventory_of(audit):
    """What tells changed public photos; nothing of those of installed packages."""
    source = config["audits"][audit].get("public")
    return inventory(source) if source else ""


def check_audit(audit):
    """Refuse an audit of folders that are not there, or in the place of a command's."""
    place = f"results/audits/{audit}"
    if Path(place, "audit.json").exists():
        raise WorkflowError(
            f"{place} holds an audit that `instahide audit` made: give the configured one another "
            "name, or remove that folder"
        )
    for key, tell in (("images", own_inventory_of), ("public", public_inventory_of)):
        try:
            tell(audit)
        except InstaHideError as error:
            raise WorkflowError(f"configuration: audits/{audit}/{key}: {error}")


def audit_halves(suffix):
    """The public images that an audit's attackers are given, and those that are mixed in."""

    def found(wildcards):
        halves = ("pool", "others") if AUDITS[wildcards.audit].mixes_public else ("others",)
        return {
            half: f"results/audits/{wildcards.audit}/{half}.zarr{suffix}" for half in halves
        }

    return found


def audit_pool(suffix):
    """The public images that are mixed in, if any are."""
    return lambda wildcards: audit_halves(suffix)(wildcards).get("pool", [])


def audit_attempt(wildcards):
    """What an attacker runs; names of attacks are looked up here and not by the job."""
    settings = AUDITS[wildcards.audit]
    return attempt_of(settings, wildcards.attacker, int(wildcards.rows))


def audit_attempt_code(wildcards):
    """The digest of what runs an attempt, and of the functions that it runs."""
    attempt = audit_attempt(wildcards)
    targets = set()
    for attack in (attempt["attack"], attempt["without_classes"]):
        targets |= {attack["view"], *(step["choice"]["target"] for step in attack["steps"])}
    files = sorted({module_file(target) for target in targets if target})
    return code("audit_attack", "numpy", "scipy") + "".join(map(code_digest, files))


def audit_estimate(wildcards, input):
    """What an attacker takes; it is told when the images have been read."""
    with open(input.told, encoding="utf-8") as file:
        shape = json.load(file)["shape"]
    augment = AUDITS[wildcards.audit].augment
    return estimate_attack(wildcards.attacker, int(wildcards.rows), shape, augment=augment)


def audit_memory(wildcards, input, attempt):
    # Twice what is estimated, for it is rough; Snakemake in the job takes 0.2 GB.
    return round(attempt * (200 + 2 * audit_estimate(wildcards, input).memory / 1e6))


def audit_minutes(wildcards, input, attempt):
    return round(attempt * (10 + 3 * audit_estimate(wildcards, input).seconds / 60))


def audit_found(wildcards):
    """What came back to every attacker of an audit, from all numbers of encryptions."""
    settings = AUDITS[wildcards.audit]
    return [
        f"results/audits/{wildcards.audit}/rows-{rows}/{attacker.name}.npz"
        for rows in settings.all_rows
        for attacker in attackers_of(settings)
    ]
