"""Statistics of a study: pure functions from results to answers.

    points = points.collect(QualityResults.load("quality.json"))
    draw = bootstrap.Resamples.draw(len(points.images))
    fitted = curves.fit(points, "ssimulacra2")
    ratios = matched.size_ratios(matched.match(fitted), draw)
    answer = recommend.recommend(points, target=80, coverage=0.95)

One module for each question; import the modules you need:

========================  ===============================================================================
``frame.derive``          every record with bits per pixel, speeds, compression ratios, as a data frame
``points.collect``        the records as arrays, and the counts of what failed: the input of the others
``sweep``                 scores, sizes and times at each measured level
``curves.fit``            rate-distortion curves of one metric, per image and variant
``matched``               sizes at equal scores, their ratios to the baseline
``bdrate``                BD-rate against the baseline, and of all pairs
``pareto.pareto``         size at equal scores against encode time
``equivalence``           which quality number matches which quality number of the baseline
``sensitivity``           single images, content classes, image sizes
``recommend.recommend``   which setting to use, with its commands for other tools
``diff.diff``             one run or variant against another, with verdicts
``export.export``         CSV, Parquet, codec-compare
``bootstrap``             the resamples behind every interval, and the type of every estimate
========================  ===============================================================================

All functions return frozen dataclasses with plain Python numbers. Use one ``Resamples`` for a whole study, so
that all its intervals are based on the same resampled images. If nothing can be computed for one variant, its
entry has a ``reason`` instead of numbers; if nothing can be computed at all, the function raises
:class:`codecstudy.errors.ResultsError`.
"""
