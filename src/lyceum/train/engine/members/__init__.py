from lyceum.train.engine.openmp import provide_openmp

# before LightGBM, which is linked to it, is imported by any member
provide_openmp()
