"""Statistics of a study: pure functions from results to answers.

    points = points.collect(QualityResults.load("quality.json"))
    draw = bootstrap.Resamples.draw(len(points.images))
    fitted = curves.fit(points, "ssimulacra2")
    ratios = matched.size_ratios(matched.match(fitted), draw)
    answer = recommend.recommend(points, target=80, coverage=0.95)

One module for each question, none of them imported before it is asked:

========================  ===============================================================================
``frame.derive``          every record with bits per pixel, speeds, compression ratios, as a data frame
``points.collect``        the records as arrays, and the counts of what failed: where all else starts
``sweep``                 scores, sizes and times at each measured level
``curves.fit``            rate-distortion curves of one metric, per image and variant
``matched``               sizes at equal scores, their ratios to the baseline
``bdrate``                BD-rate against the baseline, and of all pairs
``pareto.pareto``         size at equal scores against encode time
``equivalence``           which quality number looks like which number of the baseline
``sensitivity``           single images, content classes, image sizes
``recommend.recommend``   which setting to use; ``commands`` writes it down for other tools
``diff.diff``             one run against another
``export.export``         CSV, Parquet, codec-compare
``bootstrap``             the resamples behind every interval; ``Estimate`` is what all of them give
========================  ===============================================================================

All give frozen dataclasses whose numbers are plain Python. One ``Resamples`` serves a whole study, so that its
intervals rest on the same resampled images. Where there is nothing to say about one variant, its entry has a
``reason`` in place of numbers; where there is nothing to say at all,
:class:`codecstudy.errors.ResultsError` says why.
"""
