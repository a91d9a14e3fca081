"""Networks trained on encryptions: data, runs, accuracies, and the table of all of them.

The images that a training records are the private set of a challenge of their own,
`results/training/{name}/seen`, which the rules of challenges make; the training reads its rows.
"""


localrules:
    training_table,


rule data:
    """Split labelled images into those that train and those that test."""
    input:
        data_input,
    output:
        f"{DATA}/labelled.npz",
        f"{DATA}/data.json",
    log:
        "results/logs/data-{data}.log",
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        code=code("data", "opencv-python-headless"),
        source=data_source,
        inventory=data_inventory,
        settings=split_settings,
    message:
        "Split the labelled images {wildcards.data}"
    script:
        "../scripts/data.py"


rule train:
    """Train a network on encryptions."""
    input:
        training_input,
    output:
        f"{RUN}/model.pt",
        f"{RUN}/curve.csv",
    log:
        f"{RUN}/train.log",
    resources:
        mem_mb=growing(4000),
        runtime=growing(600),
    params:
        code=with_training("train"),
        files=training_files,
        training=training,
    message:
        "Train {wildcards.training}, seed {wildcards.run}"
    script:
        "../scripts/train.py"


rule accuracy:
    """Measure how often a trained network is right, on plain images and on encryptions."""
    input:
        training_input,
        model=f"{RUN}/model.pt",
        curve=f"{RUN}/curve.csv",
    output:
        f"{RUN}/accuracy.json",
    log:
        f"{RUN}/accuracy.log",
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        code=with_training("accuracy"),
        files=training_files,
        training=training,
    message:
        "Measure {wildcards.training}, seed {wildcards.run}"
    script:
        "../scripts/accuracy.py"


rule training_table:
    """Set all trainings side by side, with the paper's figures."""
    input:
        package_files("training/reported.json"),
        # Models too: where a job between them and the table was killed, the table is made anew.
        models=trained("model.pt"),
        accuracies=trained("accuracy.json"),
    output:
        report(
            "results/training/table.csv",
            caption="../report/training_table.rst",
            category="Training",
            labels={"challenge": "all", "what": "accuracy, numbers"},
        ),
        report(
            "results/training/table.png",
            caption="../report/training_table.rst",
            category="Training",
            labels={"challenge": "all", "what": "accuracy"},
        ),
        markdown="results/training/table.md",
    log:
        "results/logs/training_table.log",
    params:
        code=code("training_table"),
        made_from=[config["data"], listed("training")],
    message:
        "Compare the trainings"
    script:
        "../scripts/training_table.py"
