"""Statistics of a study: pure functions from results to answers.

    points = points.collect(QualityResults.load("quality.json"))
    fitted = curves.fit(points, "ssimulacra2")
    ratios = matched.size_ratios(matched.match(fitted))
    found = recommend.recommend(points, target=80, coverage=0.95)
    sentences = answer.answers(points, found)

One module for each question; import the modules you need:

===========================  ============================================================================
``frame.derive``             every record with bits per pixel, speeds, compression ratios, as a data frame
``points.collect``           the records as arrays, and the counts of what failed: the input of the others
``sample``                   how the images represent others: copies, clusters, strata, the dataset
``estimates``                means, ratios of totals and medians, with their intervals
``attainment``               which share of images reaches a target, judged from k of n
``bootstrap``                resamples, for procedures that no formula covers
``sweep``                    scores, sizes and times at each measured level
``curves.fit``               rate-distortion curves of one metric, per image and variant
``matched``                  sizes at the same score, their ratios to the baseline, and bounds
``bdrate``                   BD-rate of all pairs over a stated range of scores
``pareto.pareto``            size at the same score against encode time
``equivalence``              which quality number matches which quality number of the baseline
``sensitivity``              single images, content classes, image sizes
``recommend.recommend``      which setting to use: ``candidates`` are its levels, ``procedure`` repeats it
``agreement``                the same comparison under other metrics
``answer.answers``           the answer in sentences, each with its condition
``verification``             what must be measured so that no recommendation is interpolated
``planning``                 how many images a wanted precision takes
``diff.diff``                one run or variant against another: ``changes``, ``verdicts``, ``problems``
``export.export``            CSV, Parquet, codec-compare
===========================  ============================================================================

All functions return frozen dataclasses with plain Python numbers. If nothing can be computed for one variant, its
entry has a ``reason`` instead of numbers; if nothing can be computed at all, the function raises
:class:`codecstudy.errors.ResultsError`.
"""
